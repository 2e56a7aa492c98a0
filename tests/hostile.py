"""What nobody vouches for: any value of JSON, and files with bytes that were changed, cut off or added."""

from __future__ import annotations

from hypothesis import strategies as st

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, -(2**64), 10**400, float("nan"), float("inf"), -0.0, 1e300])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "..", "/", "\0", "\udcff", "a/b", "../../x", "panel", "real", "nan", "0" * 64])
)
VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
"""Values that Python's JSON writes, not-a-number and infinity among them."""


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """``data`` with some bytes changed, cut out or put in, or without its end."""
    made = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(made) - 1, 0)))
        kind = draw(st.sampled_from(["change", "cut", "insert", "end"]))
        if kind == "change" and made:
            made[place] = draw(st.integers(0, 255))
        elif kind == "insert":
            made[place:place] = draw(st.binary(max_size=8))
        else:
            del made[place : place + draw(st.integers(1, 16)) if kind == "cut" else len(made)]
    return bytes(made)

"""The order of keys moves nothing; everything else moves the fingerprint."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from unprompt.store import canonical, fingerprint

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@dataclass(frozen=True)
class Card:
    model: str
    parameters: dict[str, object]


def exact(value: object) -> str:
    """A spelling that, unlike ==, tells 1 from 1.0 and from True, and does not mind the order of keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{exact(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(exact, value)) + "]"
    return repr(value)


@given(st.dictionaries(st.text(), VALUES, max_size=6), st.randoms())
def test_the_order_of_keys_moves_nothing(mapping, random):
    items = list(mapping.items())
    random.shuffle(items)
    assert fingerprint(dict(items)) == fingerprint(mapping)


@given(VALUES, VALUES)
def test_any_change_moves_it(one, other):
    assume(exact(one) != exact(other))
    assert fingerprint(one) != fingerprint(other)


@given(st.dictionaries(st.text(), VALUES, min_size=1, max_size=4), st.data())
def test_one_changed_value_moves_it(mapping, data):
    key = data.draw(st.sampled_from(sorted(mapping)))
    value = data.draw(VALUES.filter(lambda value: exact(value) != exact(mapping[key])))
    assert fingerprint(mapping | {key: value}) != fingerprint(mapping)


def test_it_is_sha256_of_canonical_json():
    text = b'["caption",{"beams":3,"model":"blip"},[0.5,null,true]]'
    assert fingerprint("caption", {"model": "blip", "beams": 3}, (0.5, None, True)) == hashlib.sha256(text).hexdigest()


def test_a_dataclass_counts_by_its_fields():
    assert canonical(Card("blip", {"b": (1,), "a": 2})) == {"model": "blip", "parameters": {"b": [1], "a": 2}}
    assert fingerprint(Card("blip", {"beams": 1})) != fingerprint(Card("blip", {"beams": 2}))


def test_parts_do_not_run_together():
    assert len({fingerprint("ab", "c"), fingerprint("a", "bc"), fingerprint(["a", "bc"]), fingerprint("abc")}) == 4


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({1, 2}, r"of \{1, 2\} \(set\); expected a dataclass"),
        (b"ab", r"of b'ab' \(bytes\); expected a dataclass"),
        (Path("a"), r"of PosixPath\('a'\) \(PosixPath\)"),
        ({1: "a"}, r"of 1 \(int\); expected a str as key"),
        (Card, re.escape("(type); expected a dataclass, mapping")),
    ],
)
def test_what_has_no_one_spelling_is_refused(part, words):
    with pytest.raises(TypeError, match=words):
        fingerprint(part)


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="Out of range float"):
        fingerprint(float("nan"))

"""Lists of paths on stdin, as shells of every system write them."""

from __future__ import annotations

import codecs
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unprompt.errors import DataError
from unprompt.workflows.prediction.path_list import listed


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a.png\nb c.png\n", ["a.png", "b c.png"]),
        (b"a.png\r\n\r\n  \nb.png", ["a.png", "b.png"]),
        (b"two\nlines.png\0b.png\0", ["two\nlines.png", "b.png"]),
        (b"\xff.png\n", ["\udcff.png"]),
        (codecs.BOM_UTF8 + b"a.png\n\xff.png", ["a.png", "\udcff.png"]),
        (b"", []),
        (codecs.BOM_UTF16_LE, []),
    ],
)
def test_a_list_takes_the_place_of_a_dash(data: bytes, expected: list[str]) -> None:
    assert listed(["first", "-", "last"], io.BytesIO(data)) == ["first", *expected, "last"]


def test_without_a_dash_nothing_is_read() -> None:
    stream = io.BytesIO(b"a.png\n")
    assert listed(["./-", "b.png"], stream) == ["./-", "b.png"]
    assert stream.tell() == 0


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1).filter(
    lambda name: name.encode().strip() and not name.startswith("\ufeff")
)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@given(names=st.lists(NAMES, min_size=1), ends=st.sampled_from(["\n", "\r\n", "\0"]))
def test_a_byte_order_mark_tells_the_encoding(encoding: str, names: list[str], ends: str) -> None:
    if ends == "\0":
        names = [f"{name}.png" for name in names]  # bare letters between NUL bytes would look like UTF-16
    mark = "" if encoding == "utf-8-sig" else "\ufeff"
    data = (mark + "".join(name + ends for name in names)).encode(encoding)
    assert listed(["-"], io.BytesIO(data)) == names


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["a.png\nb.png\n", "C:\\shots\\a.png\r\n", "\u56fe\u7247\u56fe\u7247.png\n", "x/\u00fc.png"]
)
def test_utf_16_without_its_mark_is_one_error(text: str, encoding: str) -> None:
    with pytest.raises(DataError, match=r"looks like UTF-16 without a byte order mark: b'.*; expected UTF-8"):
        listed(["-"], io.BytesIO(text.encode(encoding)))


@pytest.mark.parametrize("data", [codecs.BOM_UTF16_LE + b"a", codecs.BOM_UTF16_BE + b"\xd8\x00\x00a"])
def test_a_list_that_its_mark_does_not_fit_is_one_error(data: bytes) -> None:
    with pytest.raises(DataError, match=r"the list on stdin cannot be decoded \('utf-16-.e' codec"):
        listed(["-"], io.BytesIO(data))


@given(st.lists(st.binary(min_size=1).filter(lambda name: b"\0" not in name and name.strip()), min_size=1))
def test_null_says_that_names_are_ended_by_nul_bytes(names: list[bytes]) -> None:
    found = listed(["-"], io.BytesIO(b"\0".join(names)), null=True)
    assert [os.fsencode(one) for one in found] == names

"""``FILE#bytes=OFFSET+LENGTH``: what is one, what only looks like one, and names that no file system takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from unprompt.errors import PictureTooLarge, UnreadablePicture
from unprompt.images import ByteRange, encode_png, file_of, read

from .files import scene


def test_a_real_file_of_that_name_wins(tmp_path: Path) -> None:
    (tmp_path / "z.jpg").write_bytes(b"x" * 100)
    real = tmp_path / "z.jpg#bytes=0+100"
    assert ByteRange.of(str(real)) == ByteRange(str(tmp_path / "z.jpg"), 0, 100)
    real.write_bytes(encode_png(scene()))
    assert ByteRange.of(str(real)) is None
    assert file_of(str(real)) == str(real)
    assert read(real, "z").format == "PNG"


@pytest.mark.parametrize(
    "numbers", ["1+" + "9" * 30, "9" * 30 + "+5", "9" * 5000 + "+5", "\u0663+5", "-1+5", "1+", "x"]
)
def test_numbers_that_no_offset_can_have_are_part_of_a_name(numbers: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.png#bytes={numbers}"
    assert ByteRange.of(str(path)) is None
    with pytest.raises(UnreadablePicture, match=r"far: cannot be opened: (No such file|File name too long)"):
        read(path, "far")


def test_the_largest_numbers_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(scene()))
    with pytest.raises(PictureTooLarge, match=f"long: {'9' * 18} bytes; at most"):
        read(tmp_path / f"a.png#bytes=0+{'9' * 18}", "long")
    with pytest.raises(UnreadablePicture, match=r"far: (cannot be opened|not a picture): "):
        read(tmp_path / f"a.png#bytes={'9' * 18}+5", "far")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 300, "File name too long"),
        ("d/" * 3000, "File name too long"),
        ("a\0b.png", "embedded null byte"),
        ("a\0b.png#bytes=0+5", "embedded null byte"),
        ("\ud800.png", "surrogates not allowed"),
    ],
)
def test_a_name_that_no_file_system_takes_cannot_be_opened(name: str, words: str) -> None:
    with pytest.raises(UnreadablePicture, match=rf"odd: cannot be opened: .*{words}.*; expected a readable file"):
        read(Path(name), "odd")

"""What no picture can be made of is an error of ours that says what was got, and nothing else ever is."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from unprompt.errors import OptionError, PictureError, PictureTooLarge, UnreadablePicture
from unprompt.images import Limits, read
from unprompt.types import Picture

from .files import SAVED, jpeg_resized, png, save, scene

VARIANTS = {
    **{name: (name, {}) for name in SAVED},
    "progressive JPEG": ("JPEG", {"progressive": True}),
    "LZW TIFF": ("TIFF", {"compression": "tiff_lzw"}),
    "JPEG TIFF": ("TIFF", {"compression": "jpeg"}),
    "lossy WEBP": ("WEBP", {"lossless": False}),
}


@functools.cache
def variant(name: str) -> tuple[bytes, np.ndarray]:
    format_, options = VARIANTS[name]
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    data = save(noise, format_, **options)
    return data, read(data, "whole").rgb


def attempt(data: bytes) -> Picture | None:
    """The picture, or None for an error of ours; any other error passes, and no warning may."""
    with warnings.catch_warnings(record=True) as told, contextlib.suppress(PictureError):
        warnings.simplefilter("always")
        picture = read(data, "a", Limits(max_pixels=1_000_000))
        assert picture.rgb.dtype == np.uint8
        assert not told
        return picture
    assert not told
    return None


@pytest.mark.parametrize("name", VARIANTS)
@given(share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_truncated_file_is_an_error_or_whole(name: str, share: float) -> None:
    data, pixels = variant(name)
    picture = attempt(data[: int(share * len(data))])
    assert picture is None or np.array_equal(picture.rgb, pixels)


@pytest.mark.parametrize("name", VARIANTS)
def test_half_a_file_is_an_error(name: str) -> None:
    data, _ = variant(name)
    with pytest.raises(
        UnreadablePicture, match=rf"^half: damaged or truncated .*: {len(data) // 2} bytes beginning with b'"
    ):
        read(data[: len(data) // 2], "half")


@pytest.mark.parametrize("name", VARIANTS)
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_raises_nothing_but_our_errors(name: str, places: list[tuple[float, int]]) -> None:
    data = bytearray(variant(name)[0])
    for place, value in places:
        data[int(place * len(data))] = value
    attempt(bytes(data))


@given(data=st.binary(max_size=64))
@settings(max_examples=200, deadline=None)
def test_random_bytes_raise_nothing_but_our_errors(data: bytes) -> None:
    assert attempt(data) is None


BOMBS = {
    "PNG": png(50_000, 50_000, 8, 2, None),
    "JPEG": jpeg_resized(save(scene(), "JPEG"), 50_000, 50_000),
}


@pytest.mark.parametrize("format_", BOMBS)
def test_a_bomb_is_refused_by_its_header(format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("nothing may be decompressed"))
    with pytest.raises(
        PictureTooLarge, match="bomb: the header says 50000 x 50000 = 2500000000 pixels; at most 100000000"
    ):
        read(BOMBS[format_], "bomb")


def test_a_webp_past_pillows_own_limit_is_refused() -> None:
    data = bytearray(save(scene(), "WEBP"))
    start = data.index(b"VP8L") + 9
    data[start : start + 4] = (16383 | 16383 << 14).to_bytes(4, "little")
    with pytest.raises(PictureTooLarge, match=r"^bomb: .*16384|^bomb: .*268\d{6} pixels"):
        read(bytes(data), "bomb")


def test_limits_are_inclusive() -> None:
    data = save(scene(), "PNG")
    assert read(data, "a", Limits(max_pixels=24 * 16, max_bytes=len(data))).width == 24
    with pytest.raises(PictureTooLarge, match="a: the header says 24 x 16 = 384 pixels; at most 383 are opened"):
        read(data, "a", Limits(max_pixels=24 * 16 - 1))
    with pytest.raises(PictureTooLarge, match=f"a: {len(data)} bytes; at most {len(data) - 1} are opened"):
        read(data, "a", Limits(max_bytes=len(data) - 1))


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(PictureTooLarge, match=f"sparse: {2**40} bytes; at most 268435456"):
        read(path, "sparse")


@pytest.mark.parametrize("name", ["max_pixels", "max_bytes"])
def test_limits_are_checked_at_birth(name: str) -> None:
    with pytest.raises(OptionError, match=f"{name} is 0; expected 1 or more"):
        Limits(**{name: 0})


def test_a_text_called_jpg() -> None:
    message = r"notes\.jpg: not a picture: 16 bytes beginning with b'dear diary, ';.* expected JPEG, PNG, .* or HEIF"
    with pytest.raises(UnreadablePicture, match=message):
        read(b"dear diary, rain", "notes.jpg")


def test_an_empty_file() -> None:
    with pytest.raises(UnreadablePicture, match=r"nil: not a picture: an empty file of 0 bytes; expected JPEG"):
        read(b"", "nil")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        UnreadablePicture, match=r"gone\.png: cannot be opened: No such file or directory; expected a readable"
    ):
        read(tmp_path / "gone.png", "gone.png")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match="here: a folder; expected a picture's file"):
        read(tmp_path, "here")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(UnreadablePicture, match="pipe: a device or pipe; expected a picture's file"):
        read(path, "pipe")


@pytest.mark.parametrize(("mode", "kind"), [("F", 3), ("I", 2)])
def test_pixels_without_a_stated_range(mode: str, kind: int) -> None:
    with pytest.raises(
        UnreadablePicture, match=f"a: TIFF of 32 bits a sample of format {kind}, which is not decoded here: export"
    ):
        read(save(Image.new(mode, (4, 4)), "TIFF"), "a")

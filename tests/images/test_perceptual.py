"""The perceptual hash against its definition, and against what it is for; ranges and JPEG files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from unprompt.errors import OptionError, UnreadablePicture
from unprompt.images import distance, encode_jpeg, perceptual_hash, read, resize

from .files import scene


def grainy(seed: int, width: int = 96, height: int = 64) -> np.ndarray:
    """Coarse coloured blotches."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return resize(small, width, height)


def by_definition(rgb: np.ndarray) -> int:
    """The docstring, loop by loop; for pictures whose sides are multiples of 32."""
    height, width = rgb.shape[:2]
    grey = np.floor((rgb @ np.array([19595, 38470, 7471]) + 0x8000) / 65536)
    cells = grey.reshape(32, height // 32, 32, width // 32).mean((1, 3))
    small = np.floor(cells + 0.5)
    low = [
        sum(
            small[y, x] * math.cos(math.pi * (2 * y + 1) * v / 64) * math.cos(math.pi * (2 * x + 1) * u / 64)
            for y in range(32)
            for x in range(32)
        )
        for v in range(1, 9)
        for u in range(1, 9)
    ]
    return int("".join("1" if one > np.median(low) else "0" for one in low), 2)


@pytest.mark.parametrize("seed", range(4))
def test_the_hash_is_its_definition(seed) -> None:
    rgb = grainy(seed)
    assert perceptual_hash(rgb) == by_definition(rgb)


def apart(one: np.ndarray, other: np.ndarray) -> int:
    hashes = [np.array([perceptual_hash(rgb)], np.uint64) for rgb in (one, other)]
    return int(distance(*hashes)[0])


@pytest.mark.parametrize("seed", range(4))
def test_copies_are_near_and_others_far(seed) -> None:
    rgb = grainy(seed, 256, 192)
    assert apart(rgb, read(encode_jpeg(rgb, 40), "x").rgb) <= 4
    assert apart(rgb, resize(rgb, 100, 75)) <= 4
    assert apart(rgb, resize(rgb, 64, 64)) <= 4
    assert apart(rgb, grainy(seed + 10, 256, 192)) > 12
    assert apart(rgb, rgb[:, ::-1]) > 12


def test_a_picture_without_detail_hashes_to_nothing() -> None:
    for grey in (0, 90, 255):
        assert perceptual_hash(np.full((40, 50, 3), grey, np.uint8)) == 0


def test_distance_counts_bits() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.integers(2**64, size=(5, 3), dtype=np.uint64) for _ in range(2))
    expected = [
        [(int(a) ^ int(b)).bit_count() for a, b in zip(*rows, strict=True)] for rows in zip(one, other, strict=True)
    ]
    assert distance(one, other).tolist() == expected
    assert distance(one[:, 0], other[:, 0]).tolist() == [row[0] for row in expected]


@pytest.mark.parametrize("quality", [1, 75, 96, 100])
def test_jpeg_files_state_their_quality(quality) -> None:
    data = encode_jpeg(scene(40, 24), quality)
    picture = read(data, "x")
    assert (picture.format, picture.quality, picture.width, picture.height) == ("JPEG", quality, 40, 24)
    assert data == encode_jpeg(scene(40, 24), quality)


@pytest.mark.parametrize("quality", [0, 101])
def test_a_jpeg_quality_out_of_range(quality) -> None:
    with pytest.raises(OptionError, match=f"the JPEG quality is {quality}; expected 1 to 100"):
        encode_jpeg(scene(), quality)


def test_a_picture_inside_a_larger_file(tmp_path: Path) -> None:
    data = encode_jpeg(scene(), 90)
    (tmp_path / "big.arrow").write_bytes(b"x" * 100 + data + b"y" * 50)
    uri = f"{tmp_path}/big.arrow#bytes=100+{len(data)}"
    assert read(Path(uri), uri).sha256 == read(data, "").sha256
    with pytest.raises(UnreadablePicture, match=r"#bytes=0\+10: not a picture"):
        read(Path(f"{tmp_path}/big.arrow#bytes=0+10"), f"{tmp_path}/big.arrow#bytes=0+10")
    with pytest.raises(UnreadablePicture, match="damaged or truncated JPEG"):
        read(Path(f"{uri[: -len(str(len(data)))]}{len(data) // 2}"), "half")
    with pytest.raises(UnreadablePicture, match="an empty file of 0 bytes"):
        read(Path(f"{tmp_path}/big.arrow#bytes=9999999+10"), "behind the end")
    with pytest.raises(UnreadablePicture, match="cannot be opened: No such file"):
        read(Path(f"{tmp_path}/none.arrow#bytes=1+2"), "none")


def test_a_file_with_a_number_sign_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "holiday #3.jpg").write_bytes(encode_jpeg(scene(), 90))
    assert read(tmp_path / "holiday #3.jpg", "x").format == "JPEG"

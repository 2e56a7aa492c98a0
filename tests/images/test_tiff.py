"""TIFF: every combination that tifffile writes comes back as the array it was written from, or is refused."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unprompt.errors import PictureError, PictureTooLarge, UnreadablePicture
from unprompt.images import Limits, read

from .files import save, scene

Array = npt.NDArray[Any]
HEIGHT, WIDTH = 33, 50
COMPRESSIONS = [None, "zlib", "lzw", "packbits", "zstd", "lzma"]


def written(samples: Array, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


def noise(bits: int, channels: int) -> Array:
    samples = np.random.default_rng(bits + channels).integers(0, 2**bits, (HEIGHT, WIDTH, channels))
    return samples.astype(np.uint8 if bits <= 8 else np.uint16)


def expected(samples: Array, bits: int, photometric: str) -> Array:
    """The 8-bit RGB that these samples mean, by the standard's words."""
    share = samples / (2**bits - 1)
    if photometric == "miniswhite":
        share = 1 - share
    if photometric == "separated":
        share = (1 - share[..., :3]) * (1 - share[..., 3:])
    rgb = np.rint(share * 255)
    return rgb.repeat(3, axis=2) if rgb.shape[2] == 1 else rgb


KINDS = [
    *itertools.product([1, 8, 16], ["minisblack", "miniswhite"], ["contig"]),
    *itertools.product([8, 16], ["rgb", "separated"], ["contig", "separate"]),
]


@pytest.mark.parametrize(("bits", "photometric", "planar"), KINDS)
def test_combinations(bits: int, photometric: str, planar: str) -> None:
    channels = {"rgb": 3, "separated": 4}.get(photometric, 1)
    samples = noise(bits, channels)
    stored = samples.astype(bool) if bits == 1 else samples
    stored = np.moveaxis(stored, -1, 0) if planar == "separate" else stored if channels > 1 else stored[..., 0]
    options: dict[str, Any] = {"photometric": photometric, "planarconfig": planar if channels > 1 else None}
    for order, compression, tile in itertools.product("<>", COMPRESSIONS, [None, (16, 32)]):
        for predictor in (False, True) if compression in ("zlib", "lzw", "zstd") and bits > 1 else (False,):
            data = written(stored, byteorder=order, compression=compression, tile=tile, predictor=predictor, **options)
            difference = np.abs(read(data, "a").rgb - expected(samples, bits, photometric)).max()
            assert difference <= (2 if photometric == "separated" else 0), (order, compression, tile, predictor)


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
def test_odd_numbers_of_bits(bits: int) -> None:
    samples = noise(bits, 3)
    data = written(samples, photometric="rgb", bitspersample=bits)
    assert np.abs(read(data, "a").rgb - expected(samples, bits, "rgb")).max() <= 1


@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("bits", [8, 16])
def test_opacity_lies_over_white(bits: int, kind: str) -> None:
    samples, most = noise(bits, 4), 2**bits - 1
    alpha = samples[..., 3:] / most
    colour = samples[..., :3] / most
    if kind == "assocalpha":
        samples = np.concatenate([np.rint(colour * alpha * most), samples[..., 3:]], axis=2).astype(samples.dtype)
    rgb = read(written(samples, photometric="rgb", extrasamples=[kind]), "a").rgb
    assert np.abs(rgb - 255 * (colour * alpha + 1 - alpha)).max() <= (2.5 if bits == 8 else 1.6)


def test_an_extra_sample_without_a_meaning_is_left_out() -> None:
    samples = noise(8, 4)
    data = written(samples, photometric="rgb", extrasamples=["unspecified"])
    assert np.array_equal(read(data, "a").rgb, samples[..., :3])


@pytest.mark.parametrize("wide", [True, False])
def test_a_palette(wide: bool) -> None:
    indices, table = noise(8, 1)[..., 0], np.random.default_rng(1).integers(0, 256, (3, 256))
    data = written(indices, photometric="palette", colormap=(table * 257 if wide else table).astype(np.uint16))
    assert np.array_equal(read(data, "a").rgb, table.T[indices])


def test_ycbcr() -> None:
    plain = save(Image.fromarray(scene()).convert("YCbCr"), "TIFF")
    assert np.abs(read(plain, "a").rgb.astype(int) - scene()).max() <= 3
    packed = save(Image.fromarray(scene(48, 32)).convert("YCbCr"), "TIFF", compression="jpeg", quality=95)
    assert np.abs(read(packed, "a").rgb.astype(int) - scene(48, 32)).mean() < 3


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        (np.zeros((4, 4), np.uint32), {}, "32 bits a sample of format 1"),
        (np.zeros((4, 4), np.float32), {}, "32 bits a sample of format 3"),
        (np.zeros((4, 4, 3), np.float16), {"photometric": "rgb"}, "16 bits a sample of format 3"),
        (np.zeros((4, 4), np.int16), {}, "16 bits a sample of format 2"),
        (np.zeros((2, 16, 16), np.uint8), {"volumetric": True, "tile": (2, 16, 16)}, "2 layers of a volume"),
        (np.zeros((4, 4, 3), np.uint16), {"photometric": "logluv"}, "3 samples a pixel of the kind"),
    ],
)
def test_what_has_no_stated_range_is_refused(samples: Array, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnreadablePicture, match=f"^a: TIFF of {message}.*, which is not decoded here: export it"):
        read(written(samples, **options), "a")


def raw(**tags: Any) -> bytes:
    """A thumbnail and, where a camera's raw file has it, the sensor's data in a sub-directory."""
    file = io.BytesIO()
    extra = [(50706, 1, 4, (1, 4, 0, 0), True)] if tags.get("dng") else []
    with tifffile.TiffWriter(file) as writer:
        writer.write(scene(), subifds=1, subfiletype=1, extratags=extra, photometric="rgb")
        writer.write(np.zeros((64, 64), np.uint16), photometric="cfa")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        raw(dng=True),
        raw(),
        written(np.zeros((64, 64), np.uint16), photometric="cfa"),
        (lambda whole: whole[:8] + b"CR\2\0" + whole[12:])(save(scene(), "TIFF")),
    ],
    ids=["dng", "nef and arw", "sensor first", "cr2"],
)
def test_a_raw_file_is_never_judged_by_its_thumbnail(data: bytes) -> None:
    with pytest.raises(UnreadablePicture, match=r"^a: a camera's RAW file; expected a developed picture: export it as"):
        read(data, "a")


def test_a_bomb_is_refused_by_its_header() -> None:
    data = bytearray(written(scene(), photometric="rgb", metadata=None))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        place = {tag.code: tag.valueoffset for tag in file.pages[0].tags.values()}
    for code in (256, 257):
        data[place[code] : place[code] + 2] = struct.pack("<H", 50_000)
    with pytest.raises(PictureTooLarge, match="a: the header says 50000 x 50000 = 2500000000 pixels"):
        read(bytes(data), "a")


def test_a_damaged_tag_that_the_pixels_rest_on_is_an_error() -> None:
    data = bytearray(written(scene(), photometric="rgb", metadata=None))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        offset = file.pages[0].tags[258].offset
    data[offset + 8 : offset + 12] = struct.pack("<I", 2**31)
    with pytest.raises(UnreadablePicture, match="a: damaged or truncated TIFF: its tags 258 are damaged"):
        read(bytes(data), "a")


@given(
    place=st.floats(0, 1, exclude_max=True),
    value=st.integers(0, 255),
    options=st.sampled_from(
        [{}, {"compression": "lzw"}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True}]
    ),
)
@settings(max_examples=200, deadline=None)
def test_mutated_files_raise_nothing_but_our_errors(place: float, value: int, options: dict[str, Any]) -> None:
    data = bytearray(written(scene(), photometric="rgb", **options))
    data[int(place * len(data))] = value
    with contextlib.suppress(PictureError):
        assert read(bytes(data), "a", Limits(max_pixels=10**6)).rgb.dtype == np.uint8

"""One policy for every format: what comes out of a sound file."""

from __future__ import annotations

import hashlib
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from unprompt.errors import UnreadablePicture
from unprompt.images import Limits, encode_png, hash_pixels, read, sniff

from .files import LOSSLESS, LOSSY, SAVED, png, png_chunk, save, scene

WHITE = [255, 255, 255]


@pytest.mark.parametrize("format_", LOSSLESS)
def test_lossless_formats_come_back(format_: str) -> None:
    picture = read(save(scene(), format_), "a")
    assert np.array_equal(picture.rgb, scene())
    assert (picture.format, picture.width, picture.height, picture.quality) == (format_, 24, 16, None)


@pytest.mark.parametrize("format_", LOSSY)
def test_lossy_formats_come_back_nearly(format_: str) -> None:
    picture = read(save(scene(), format_), "a")
    assert np.abs(picture.rgb.astype(int) - scene()).mean() < 4
    assert picture.format == format_


@pytest.mark.parametrize("format_", SAVED)
def test_pixels_can_be_written_to_by_torch(format_: str) -> None:
    rgb = read(save(scene(), format_), "a").rgb
    assert rgb.flags.writeable
    assert rgb.flags.c_contiguous
    assert rgb.dtype == np.uint8


def test_identity_and_pixels_are_two_hashes() -> None:
    plain, told = save(scene(), "PNG"), save(scene(), "TIFF")
    first, second = read(plain, "a"), read(told, "b")
    assert first.sha256 == hashlib.sha256(plain).hexdigest() != second.sha256
    assert first.pixels == second.pixels == hash_pixels(scene())


def test_shape_is_part_of_the_pixels_hash() -> None:
    flat = np.zeros((4, 6, 3), np.uint8)
    assert hash_pixels(flat) != hash_pixels(flat.reshape(6, 4, 3))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_native_size_kept(format_: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read(save(scene(), format_, exif=exif), "a")
    tagged = Image.fromarray(scene())
    tagged.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged))
    assert picture.rgb.shape == expected.shape
    assert np.abs(picture.rgb.astype(int) - expected).mean() < 4
    assert (picture.width, picture.height) == (24, 16)


def test_damaged_exif_leaves_the_picture_as_it_is() -> None:
    picture = read(save(scene(), "PNG", exif=b"Exif\0\0II*\0 no directory"), "a")
    assert np.array_equal(picture.rgb, scene())


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_over_white(format_: str) -> None:
    layer = np.zeros((2, 2, 4), np.uint8)
    layer[0, 1], layer[1, 0] = (200, 100, 0, 255), (200, 100, 0, 51)
    options = {"exact": True} if format_ == "WEBP" else {}
    rgb = read(save(layer, format_, **options), "a").rgb
    assert rgb.tolist() == [[WHITE, [200, 100, 0]], [[244, 224, 204], WHITE]]


def test_grey_with_alpha_lies_over_white() -> None:
    layer = Image.fromarray(np.array([[[0, 0], [80, 255]]], np.uint8), "LA")
    assert read(save(layer, "PNG"), "a").rgb.tolist() == [[WHITE, [80, 80, 80]]]


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_becomes_three_equal_channels(mode: str) -> None:
    grey = Image.fromarray(scene()).convert(mode)
    expected = np.asarray(grey.convert("L"))
    assert np.array_equal(read(save(grey, "PNG"), "a").rgb, np.dstack([expected] * 3))


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_rounded(format_: str) -> None:
    grey = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    rgb = read(save(Image.fromarray(grey), format_), "a").rgb
    assert np.array_equal(rgb[..., 0], np.arange(256).reshape(16, 16))


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_colour_is_rounded(colour: int, channels: int) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (4, 5, channels)).astype(">u2")
    rounded = np.rint(samples / 257).astype(np.uint8)
    wide = read(png(5, 4, 16, colour, samples), "a")
    narrow = read(png(5, 4, 8, colour, rounded), "a")
    assert np.array_equal(wide.rgb, narrow.rgb)


def test_sixteen_bit_colour_tiff() -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (4, 5, 3)).astype("<u2")
    assert np.array_equal(read(tiff16(samples), "a").rgb, np.rint(samples / 257))


def tiff16(samples: np.ndarray) -> bytes:
    """An uncompressed RGB TIFF of 16 bits a sample."""
    height, width, _ = samples.shape
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 128), (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, samples.nbytes)]
    head = b"II*\0" + (8).to_bytes(4, "little") + len(tags).to_bytes(2, "little")
    for tag, kind, count, value in tags:
        head += b"".join(n.to_bytes(w, "little") for n, w in ((tag, 2), (kind, 2), (count, 4), (value, 4)))
    head += bytes(4)
    assert len(head) <= 122
    return head.ljust(122, b"\0") + b"\x10\0" * 3 + samples.tobytes()


def test_a_transparent_sixteen_bit_grey_lies_over_white() -> None:
    samples = np.array([[257, 258]], ">u2")
    key = png_chunk(b"tRNS", b"\x01\x01")
    assert read(png(2, 1, 16, 0, samples, key), "a").rgb.tolist() == [[WHITE, [1, 1, 1]]]


def test_a_sixteen_bit_colour_key_counts_all_its_bits() -> None:
    samples = np.array([[[0x1234] * 3, [0x1235] * 3]], ">u2")
    key = png_chunk(b"tRNS", b"\x12\x34" * 3)
    assert read(png(2, 1, 16, 2, samples, key), "a").rgb.tolist() == [[WHITE, [0x12] * 3]]


def test_palette_with_transparency_lies_over_white() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    plain, keyed = save(image, "PNG"), save(image, "PNG", transparency=bytes([255, 0, 255]))
    assert read(plain, "a").rgb.tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    assert read(keyed, "a").rgb.tolist() == [[[10, 20, 30], WHITE, [70, 80, 90]]]


@pytest.mark.parametrize("format_", ["JPEG", "TIFF"])
def test_cmyk(format_: str) -> None:
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    rgb = read(save(ink, format_), "a").rgb
    assert np.abs(rgb.astype(int) - [255, 0, 0]).max() <= 3


def test_cmyk_jpeg_without_adobes_marker_is_not_inverted() -> None:
    adobe = save(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
    start = adobe.index(b"\xff\xee")
    plain = adobe[:start] + adobe[start + 2 + int.from_bytes(adobe[start + 2 : start + 4]) :]
    # The same numbers, now ink itself: full cyan, no magenta, no yellow, full black.
    assert read(plain, "a").rgb.max() <= 3
    inverted = read(jpeg_of_ink(cyan=255), "a").rgb
    assert np.abs(inverted.astype(int) - [0, 255, 255]).max() <= 3


def jpeg_of_ink(cyan: int) -> bytes:
    """A CMYK JPEG without Adobe's marker: Pillow writes 255 - ink, so the ink is handed over inverted."""
    data = save(Image.new("CMYK", (16, 16), (255 - cyan, 255, 255, 255)), "JPEG")
    start = data.index(b"\xff\xee")
    return data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4]) :]


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "AVIF", "TIFF", "PNG"])
def test_the_first_frame_counts(format_: str) -> None:
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = save(red, format_, save_all=True, append_images=[blue])
    assert np.abs(read(data, "a").rgb.astype(int) - [255, 0, 0]).max() <= 3


def test_a_gif_with_a_transparent_colour_lies_over_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    assert read(save(image, "GIF", transparency=1), "a").rgb.tolist() == [[[10, 20, 30], WHITE]]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3000, 5), (5, 3000)])
@pytest.mark.parametrize("format_", SAVED)
def test_odd_sizes(format_: str, width: int, height: int) -> None:
    picture = read(save(scene(width, height), format_), "a")
    assert picture.rgb.shape == (height, width, 3)
    assert (picture.width, picture.height) == (width, height)


def test_a_file_is_judged_by_content(tmp_path: Path) -> None:
    for name in ("no suffix", "wrong.txt", "wrong.jpg"):
        path = tmp_path / name
        path.write_bytes(encode_png(scene()))
        picture = read(path, uri=name)
        assert (picture.uri, picture.format) == (name, "PNG")
        assert np.array_equal(picture.rgb, scene())


@pytest.mark.parametrize("format_", SAVED)
def test_sniffing_sees_every_format(format_: str) -> None:
    assert sniff(save(scene(), format_)) == format_


@pytest.mark.parametrize(
    "data", [b"", b"BM is how this text begins, and on", b"RIFF____WAVE", b"\0\0\0\x18ftypmp42\0\0\0\0isom"]
)
def test_sniffing_is_not_fooled(data: bytes) -> None:
    assert sniff(data) is None


@pytest.mark.parametrize(("side", "times"), [(9_500, 1), (14_000, 2)])
def test_our_limit_counts_and_not_pillows(side: int, times: int) -> None:
    """Past Pillow's limit it warns, past twice the limit it refuses; ours lets both pass, to find no data."""
    before = Image.MAX_IMAGE_PIXELS
    assert before is not None
    assert side * side > times * before
    data, limits = png(side, side, 8, 0, None), Limits(max_pixels=side * side)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(
            UnreadablePicture, match="damaged or truncated PNG: libpng finds chunks damaged or rows missing"
        ):
            read(data, "a", limits)
    assert not told
    assert before == Image.MAX_IMAGE_PIXELS


def test_threads_leave_the_warning_filters_alone() -> None:
    before = list(warnings.filters)
    data = save(scene(), "TIFF")
    threads = [threading.Thread(target=lambda: [read(data, "a") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before

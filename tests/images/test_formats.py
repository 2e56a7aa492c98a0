"""What people take for pictures: decoded, or refused by name with what helps."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unprompt.errors import PictureTooLarge, UnreadablePicture
from unprompt.images import Limits, encode_png, read, sniff

from .files import png, png_chunk, scene
from .profiles import P3, converted, matrix_profile, srgb_light


def heic(rgb: np.ndarray, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    if rgb.dtype == np.uint16:
        image = pillow_heif.from_bytes(mode="RGB;16", size=rgb.shape[1::-1], data=rgb.tobytes())
    else:
        image = pillow_heif.from_pillow(Image.fromarray(rgb))
    image.save(file, quality=100, chroma=444, **options)
    return file.getvalue()


def big() -> np.ndarray:
    return scene(96, 64)


def test_heic() -> None:
    picture = read(heic(big()), "a")
    assert (picture.format, picture.width, picture.height, picture.warnings) == ("HEIF", 96, 64, ())
    assert np.abs(picture.rgb.astype(int) - big()).mean() < 4


def test_heic_of_ten_bits() -> None:
    picture = read(heic(big().astype(np.uint16) * 257), "a")
    assert np.abs(picture.rgb.astype(int) - big()).mean() < 4


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_comes_out_upright_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain, turned = read(heic(big()), "a").rgb, read(heic(big(), exif=exif.tobytes()), "a").rgb
    expected = np.rot90(plain, {1: 0, 3: 2, 6: -1, 8: 1}[orientation])
    assert np.abs(turned.astype(int) - expected).mean() < 3


def test_heic_with_a_profile() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file, image = io.BytesIO(), pillow_heif.from_pillow(Image.fromarray(big()))
    image.info["icc_profile"], image.info["icc_profile_type"] = matrix_profile(P3), "prof"
    image.save(file, quality=100, chroma=444)
    plain = read(heic(big()), "a").rgb
    assert np.abs(read(file.getvalue(), "a").rgb - converted(plain / 255, P3, srgb_light)).mean() < 3


def test_heic_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr("unprompt.images.decoders.heif.find_spec", lambda name: None)
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(4000)
    with pytest.raises(
        UnreadablePicture,
        match=r"^IMG_1\.jpg: HEIC, which needs .* pip install 'unprompt\[heif\]', or export it as JPEG",
    ):
        read(data, "IMG_1.jpg")


def test_a_damaged_heic() -> None:
    pytest.importorskip("pillow_heif")
    with pytest.raises(UnreadablePicture, match=r"^a: damaged or truncated HEIF: .*: 4024 bytes beginning with"):
        read(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(4000), "a")


@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_2000(grey: bool) -> None:
    pixels = big()[..., 0] if grey else big()
    for options in ({}, {"no_jp2": True}):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG2000", irreversible=False, **options)
        picture = read(file.getvalue(), "a")
        assert picture.format == "JPEG2000"
        assert np.array_equal(picture.rgb, np.dstack([pixels] * 3) if grey else pixels)


def test_jpeg_2000_with_a_profile() -> None:
    file = io.BytesIO()
    Image.fromarray(big()).save(file, "JPEG2000", irreversible=False)
    data, profile = file.getvalue(), matrix_profile(P3)
    at = data.index(b"colr") - 4
    size = struct.unpack_from(">I", data, at)[0]
    header = data.index(b"jp2h") - 4
    colr = struct.pack(">I", 11 + len(profile)) + b"colr\2\0\0" + profile
    length = struct.pack(">I", struct.unpack_from(">I", data, header)[0] + len(colr) - size)
    data = data[:header] + length + data[header + 4 : at] + colr + data[at + size :]
    assert np.abs(read(data, "a").rgb - converted(big() / 255, P3, srgb_light)).max() <= 1


OTHERS = {
    b"\xff\x0a\x98@\x10": "JPEG XL, of which no kept library tells the colours: export it as PNG or JPEG",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"FUJIFILMCCD-RAW 0201": "a camera's RAW file; expected a developed picture: export it as JPEG, PNG or TIFF",
    b"IIRO\x08\0\0\0": "a camera's RAW file",
    b"IIU\0\x18\0\0\0": "a camera's RAW file",
    b"\0\0\0\x18ftypcrx \0\0\0\1": "a camera's RAW file",
    b"8BPS\0\1": "a Photoshop document: export it as PNG or JPEG",
    b"%PDF-1.7": "a PDF: save the picture in it, or export it as PNG or JPEG",
    b"<?xml version='1.0'?>\n<svg xmlns=": "SVG: export it as PNG or JPEG",
    b"<!DOCTYPE html><html>": "a web page: save the picture in it, not the page",
    b"\0\0\0\x20ftypisom\0\0\2\0": "a video: save a frame as PNG",
    b"\0\0\1\0\1\0\x10\x10": "an icon: export it as PNG or JPEG",
    b"P6\n3 2\n255\n": "a portable pixmap",
    b"PK\3\4\x14\0": "a ZIP archive: unpack it and name the pictures in it",
}


@pytest.mark.parametrize("data", OTHERS)
def test_other_files_are_refused_by_name_with_a_remedy(data: bytes) -> None:
    with pytest.raises(UnreadablePicture) as caught:
        read(data + bytes(64), "holiday.jpg")
    assert str(caught.value).startswith(f"holiday.jpg: {OTHERS[data]}")


def test_ancillary_chunks_of_png_never_decide() -> None:
    """A workflow of megabytes, text in every packing, a profile that is none, and a wrong checksum on each."""
    text = b'{"nodes": [' + b'{"id": 1}, ' * 200_000 + b"]}"
    kinds = [
        (b"zTXt", b"workflow\0\0" + zlib.compress(text)),
        (b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(text)),
        (b"tEXt", b"parameters\0" + text[:500_000]),
        (b"iTXt", b"no end"),
        (b"eXIf", b"neither II nor MM"),
        (b"tIME", b"\0"),
        (b"pHYs", b""),
        (b"prVt", bytes(100_000)),
    ]
    sound = b"".join(png_chunk(*one) for one in kinds)
    broken = b"".join(png_chunk(*one)[:-4] + b"oops" for one in kinds)
    picture = read(png(24, 16, 8, 2, scene(), sound + broken), "a")
    assert np.array_equal(picture.rgb, scene())


@given(place=st.integers(33, 10**6), bit=st.integers(0, 7))
@settings(max_examples=300, deadline=None)
def test_one_flipped_bit_in_the_pixels_of_a_png_is_an_error(place: int, bit: int) -> None:
    data = bytearray(encode_png(np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)))
    place = 33 + place % (len(data) - 33 - 12)
    data[place] ^= 1 << bit
    with pytest.raises(UnreadablePicture, match=r"^a: damaged or truncated PNG: "):
        read(bytes(data), "a")


@pytest.mark.parametrize("rows", [0, 6, 15])
def test_fewer_rows_than_the_header_tells_are_an_error(rows: int) -> None:
    whole = png(24, 16, 8, 2, scene())
    short = png(24, 16, 8, 2, scene()[:rows])
    assert read(whole, "a").rgb.shape == (16, 24, 3)
    with pytest.raises(
        UnreadablePicture, match="a: damaged or truncated PNG: libpng finds chunks damaged or rows missing"
    ):
        read(short, "a")


def test_a_picture_longer_than_any_is_refused() -> None:
    with pytest.raises(PictureTooLarge, match="a: the header says 70000 x 1 pixels; at most 65535 a side are opened"):
        read(png(70_000, 1, 8, 0, np.zeros((1, 70_000), np.uint8)), "a")


def test_a_run_length_bmp_has_a_smaller_limit() -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 8000, 8000, 1, 8, 1, 0, 0, 0, 256, 0)
    data = b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54 + 1024) + head + bytes(1024) + b"\0\1"
    assert sniff(data) == "BMP"
    with pytest.raises(PictureTooLarge, match="a: the header says 8000 x 8000 = 64000000 pixels; at most 12500000"):
        read(data, "a")


def test_lack_of_memory_is_not_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> None:
        raise MemoryError

    data = encode_png(scene())
    monkeypatch.setattr("unprompt.images.decode.to_srgb", lacking)
    with pytest.raises(PictureTooLarge, match=f"^a: not enough memory to decode {len(data)} bytes: make it smaller"):
        read(data, "a", Limits())

"""Whatever states the colours of a picture, its pixels come out in sRGB."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from unprompt.images import read

from .files import png, png_chunk, save, scene
from .profiles import P3, SRGB, converted, grey_profile, matrix_profile, srgb_light, srgb_value, table_profile, to_xyz

ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))


def in_p3(rgb: np.ndarray) -> np.ndarray:
    """What a Display P3 file holds for its colours to be these of sRGB."""
    matrix = np.linalg.inv(to_xyz(P3)) @ to_xyz(SRGB)
    return np.rint(srgb_value(srgb_light(rgb / 255) @ matrix.T) * 255).astype(np.uint8)


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
def test_a_display_p3_file_has_the_pixels_of_its_srgb_twin(format_: str, version: int) -> None:
    wide = save(in_p3(scene()), format_, icc_profile=matrix_profile(P3, version=version))
    twin = read(save(scene(), format_), "twin").rgb
    picture = read(wide, "a")
    assert np.abs(picture.rgb.astype(int) - twin).mean() < (1 if format_ in ("PNG", "TIFF", "WEBP") else 3)
    assert picture.warnings == ()


@pytest.mark.parametrize("version", [2, 4])
def test_a_matrix_profile_is_the_formula(version: int) -> None:
    rgb = read(save(scene(), "PNG", icc_profile=matrix_profile(P3, version=version)), "a").rgb
    assert np.abs(rgb - converted(scene() / 255, P3, srgb_light)).max() <= 1


def test_a_power_for_a_curve() -> None:
    rgb = read(save(scene(), "PNG", icc_profile=matrix_profile(ADOBE, gamma=2.2)), "a").rgb
    assert np.abs(rgb - converted(scene() / 255, ADOBE, lambda value: value**2.2)).max() <= 1.5


@pytest.mark.parametrize("profile", [matrix_profile(SRGB), None])
def test_an_srgb_profile_leaves_every_pixel(profile: bytes | None) -> None:
    profile = profile or ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(read(save(scene(), "PNG", icc_profile=profile), "a").rgb, scene())


def test_sixteen_bits_are_kept_until_after_the_conversion() -> None:
    """A dark ramp through a gamma of 1: the high byte alone would leave one step in five."""
    samples = np.repeat(np.linspace(0, 2000, 64).astype(">u2")[None, :, None], 3, axis=2)
    packed = b"p\0\0" + zlib.compress(matrix_profile(SRGB, gamma=1))
    rgb = read(png(64, 1, 16, 2, samples, png_chunk(b"iCCP", packed)), "a").rgb
    expected = srgb_value(samples.astype(float) / 65535) * 255
    assert np.abs(rgb - expected).max() <= 1
    assert len(np.unique(rgb)) > 40


def test_a_grey_profile() -> None:
    grey = np.arange(256, dtype=np.uint8)[None].repeat(2, axis=0)
    rgb = read(save(Image.fromarray(grey), "PNG", icc_profile=grey_profile(1.8)), "a").rgb
    expected = srgb_value((grey / 255) ** 1.8) * 255
    assert np.abs(rgb - expected[..., None]).max() <= 1.5


def test_a_grey_picture_with_an_rgb_profile() -> None:
    grey = np.arange(256, dtype=np.uint8)[None]
    rgb = read(save(Image.fromarray(grey), "PNG", icc_profile=matrix_profile(P3, gamma=1.8)), "a").rgb
    assert np.abs(rgb - (srgb_value((grey / 255) ** 1.8) * 255)[..., None]).max() <= 1.5


def lab_of(corner: tuple[float, ...]) -> tuple[float, float, float]:
    """A lightness and hue of its own for each corner, well within sRGB."""
    c, m, y, k = (*corner, 0.0)[:4]
    return 100 - 20 * c - 20 * m - 5 * y - 50 * k, 10 * m - 10 * c, 12 * y - 6 * c


def srgb_of(lab: tuple[float, float, float]) -> np.ndarray:
    """CIE Lab under D50 -> sRGB's 0 to 255, by CIE's formulas and Bradford's adaptation."""
    light, a, b = lab
    f = np.array([(light + 16) / 116 + a / 500, (light + 16) / 116, (light + 16) / 116 - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1.0, 0.8249]
    to_linear = [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    return srgb_value(np.array(to_linear) @ xyz) * 255


@pytest.mark.parametrize("corner", [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (1, 1, 0, 0)])
@pytest.mark.parametrize("format_", ["TIFF", "JPEG"])
def test_a_cmyk_table(format_: str, corner: tuple[int, ...]) -> None:
    ink = Image.new("CMYK", (16, 16), tuple(255 * one for one in corner))
    rgb = read(save(ink, format_, icc_profile=table_profile(b"CMYK", lab_of, 2)), "a").rgb
    assert np.abs(rgb - srgb_of(lab_of(corner))).max() <= 3


@pytest.mark.parametrize("version", [2, 4])
def test_an_rgb_table(version: int) -> None:
    def lab(corner: tuple[float, ...]) -> tuple[float, float, float]:
        r, g, b = corner
        return 15 + 25 * r + 40 * g + 20 * b, 15 * r - 15 * g, 15 * g - 15 * b

    corners = np.array([[[0, 0, 0], [255, 0, 0], [0, 255, 0], [255, 255, 255]]], np.uint8)
    rgb = read(save(corners, "PNG", icc_profile=table_profile(b"RGB ", lab, version)), "a").rgb
    expected = [srgb_of(lab(tuple(one / 255))) for one in corners[0]]
    assert np.abs(rgb[0] - expected).max() <= 2


P3_PROFILE = matrix_profile(P3)
BAD = {
    "it is no ICC profile": b"no profile at all" * 20,
    "it is damaged": P3_PROFILE[:200].ljust(len(P3_PROFILE), b"\xff"),
    "it is made for LUV, not for grey, RGB or CMYK": P3_PROFILE[:16] + b"LUV " + P3_PROFILE[20:],
    "it is made for CMYK and the pixels are RGB": table_profile(b"CMYK", lab_of, 2),
    "it is absurd .it shows black as .* and white as": table_profile(b"RGB ", lambda corner: (50, 0, 0), 2),
}


@pytest.mark.parametrize("why", BAD)
def test_a_profile_that_cannot_be_honoured_leaves_the_values_and_a_warning(why: str) -> None:
    picture = read(save(scene(), "JPEG", icc_profile=BAD[why]), "a")
    assert np.array_equal(picture.rgb, read(save(scene(), "JPEG"), "a").rgb)
    assert len(picture.warnings) == 1
    with pytest.raises(AssertionError, match=rf"^its colour profile \({len(BAD[why])} bytes\) is not applied: {why}"):
        raise AssertionError(picture.warnings[0])


def with_chunk(*chunks: tuple[bytes, bytes]) -> bytes:
    return png(24, 16, 8, 2, scene(), b"".join(png_chunk(kind, data) for kind, data in chunks))


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def places(primaries: tuple[tuple[float, float], ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(
        ">8I", *(round(one * 100_000) for place in ((0.3127, 0.329), *primaries) for one in place)
    )


def test_png_code_points() -> None:
    rgb = read(with_chunk((b"cICP", bytes((12, 13, 0, 1)))), "a").rgb
    assert np.abs(rgb - converted(scene() / 255, P3, srgb_light)).max() <= 1.5


def test_png_gamma_and_chromaticities() -> None:
    rgb = read(with_chunk(gamma(1 / 1.8), places(BT2020)), "a").rgb
    assert np.abs(rgb - converted(scene() / 255, BT2020, lambda value: value**1.8)).max() <= 2


@pytest.mark.parametrize(
    "chunks",
    [
        [gamma(0.45455)],
        [gamma(0.45455), places(SRGB)],
        [(b"sRGB", b"\0"), gamma(1.0)],
        [(b"cICP", bytes((1, 13, 0, 1))), gamma(1.0)],
    ],
)
def test_png_of_srgb_stays_as_it_is(chunks: list[tuple[bytes, bytes]]) -> None:
    assert np.array_equal(read(with_chunk(*chunks), "a").rgb, scene())


@pytest.mark.parametrize(
    ("chunks", "why"),
    [
        ([gamma(0)], "its chunks of colour are not applied: a gamma of 0"),
        ([gamma(30)], "its chunks of colour are not applied: a gamma of 30"),
        ([places(((0.64, 0), (0.3, 0.6), (0.15, 0.06)))], "its chunks of colour are not applied: chromaticities"),
        ([(b"iCCP", b"p\0\0not deflated")], "its chunks of colour are not applied: Error -3"),
        ([(b"iCCP", b"p" * 200)], "its chunks of colour are not applied: its profile is not packed"),
        ([(b"cICP", bytes((77, 13, 0, 1)))], "its colour primaries 77 and transfer 13 are not known here"),
    ],
)
def test_absurd_png_chunks_leave_the_values_and_a_warning(chunks: list[tuple[bytes, bytes]], why: str) -> None:
    picture = read(with_chunk(*chunks), "a")
    assert np.array_equal(picture.rgb, scene())
    assert [one[: len(why)] for one in picture.warnings] == [why]


def test_high_dynamic_range_puts_reference_white_at_white() -> None:
    """ITU-R BT.2408: reference white is PQ's 58 % and HLG's 75 %."""
    for transfer, name, white in ((16, "PQ", 0.5807), (18, "HLG", 0.75)):
        samples = np.full((4, 4, 3), round(white * 65535), ">u2")
        picture = read(png(4, 4, 16, 2, samples, png_chunk(b"cICP", bytes((9, transfer, 0, 1)))), "a")
        assert int(picture.rgb.min()) >= 253
        assert picture.warnings == (
            f"a picture of high dynamic range ({name}): what is brighter than reference white is cut",
        )


def test_avif_code_points() -> None:
    """Pillow writes nclx of sRGB, 1/13: exchanged for Display P3's 12/13, which moves no sample."""
    plain = save(scene(), "AVIF")
    at = plain.index(b"nclx")
    wide = plain[: at + 4] + struct.pack(">HH", 12, 13) + plain[at + 8 :]
    before, after = read(plain, "a").rgb, read(wide, "a").rgb
    assert np.abs(after - converted(before / 255, P3, srgb_light)).max() <= 1.5


def test_adobe_rgb_that_a_camera_tells_in_exif_alone() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    data = save(scene(), "JPEG", exif=exif)
    plain = read(save(scene(), "JPEG"), "a").rgb
    assert np.abs(read(data, "a").rgb - converted(plain / 255, ADOBE, lambda value: value ** (563 / 256))).max() <= 1.5


def test_a_bmp_with_its_profile_within() -> None:
    profile = matrix_profile(P3)
    rows = np.ascontiguousarray(scene()[::-1, :, ::-1]).tobytes()
    head = (
        struct.pack("<IiiHHIIiiII", 124, 24, 16, 1, 24, 0, len(rows), 0, 0, 0, 0) + bytes(16) + b"DEBM" + bytes(36 + 12)
    )
    head += struct.pack("<IIII", 4, 124 + len(rows), len(profile), 0)
    data = b"BM" + struct.pack("<IHHI", 14 + 124 + len(rows) + len(profile), 0, 0, 138) + head + rows + profile
    assert len(head) == 124
    rgb = read(data, "a").rgb
    assert np.abs(rgb - converted(scene() / 255, P3, srgb_light)).max() <= 1


def test_lab_in_tiff(tmp_path) -> None:
    """CIE Lab of 8 bits, a and b signed."""
    lab = [(100, 0, 0), (50, 0, 0), (60, 20, -30), (40, -20, 20)]
    samples = np.array([[[round(light * 2.55), a & 255, b & 255] for light, a, b in lab]], np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric=8)
    rgb = read(tmp_path / "a.tif", "a").rgb
    assert np.abs(rgb[0] - [srgb_of(one) for one in lab]).max() <= 2.5

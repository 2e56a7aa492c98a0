"""Samples of any colour space, with or without a profile -> 8-bit sRGB over white.

The conversion is Little CMS's, relative colorimetric: through Pillow's ImageCms for the built-in profiles and through
imagecodecs for the pixels, since that alone takes 16 bits.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from unprompt.images.raster import Raster, Samples, eight_bits
from unprompt.types import RGB

_RELATIVE: Final = 1
"""Rendering intent: white stays white, colours within sRGB stay what they are."""
_EXACT: Final = 0x100
"""Little CMS without its tables of 33 steps, which move 16-bit pixels by up to 11 of 255 steps."""
_NO_FIX: Final = 0x4
"""Little CMS without its care that white stays white, which hides a profile that shows everything alike."""
_SPACES: Final = {b"RGB ": "RGB", b"GRAY": "grey", b"CMYK": "CMYK"}
_LONGEST: Final = 32 * 1024 * 1024
"""Bytes of a profile that are looked at; the largest in use, of printing presses, have about four million."""
_GRID: Final = 9
_SAME: Final = 1
"""Steps of 255 by which a profile may differ from sRGB and count as sRGB, whose pixels stay as they are."""


def to_srgb(raster: Raster) -> tuple[RGB, tuple[str, ...]]:
    """Height x width x 3 uint8, and a warning where a profile is not honoured."""
    profile, warnings = _usable(raster)
    if raster.space == "Lab":
        profile = _lab()
    if profile is None or (raster.space != "Lab" and _is_srgb(profile, raster.space)):
        colour = _plain(raster)
    else:
        colour = _transformed(raster.samples, profile, raster.space)
    return (colour if raster.alpha is None else _over_white(colour, eight_bits(raster.alpha))), warnings


def _usable(raster: Raster) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile where it is sound and made for such pixels."""
    profile = raster.profile
    if profile is None:
        return None, ()
    refused = _fault(profile) or _mismatch(profile, raster)
    if refused is None:
        return profile, ()
    return None, (f"its colour profile ({len(profile)} bytes) is not applied: {refused}; colours are taken as sRGB",)


@lru_cache(maxsize=64)
def _fault(profile: bytes) -> str | None:
    """Why a profile cannot be used for any picture."""
    if len(profile) > _LONGEST or profile[36:40] != b"acsp":
        return "it is no ICC profile"
    space = _SPACES.get(profile[16:20])
    if space is None:
        named = profile[16:20].decode("ascii", "replace").strip()
        return f"it is made for {named}, not for grey, RGB or CMYK"
    try:
        seen = _transformed(_grid(space), profile, space, _NO_FIX)
    except imagecodecs.CmsError as error:
        return f"it is damaged ({error})"
    dark, light = (seen[0, 0], seen[-1, -1]) if space != "CMYK" else (seen[-1, -1], seen[0, 0])
    if int(light.min()) - int(dark.max()) < 128:
        return f"it is absurd (it shows black as {dark.tolist()} and white as {light.tolist()})"
    return None


def _mismatch(profile: bytes, raster: Raster) -> str | None:
    meant = _SPACES[profile[16:20]]
    if meant == raster.space or (meant, raster.space) == ("RGB", "grey"):
        return None
    return f"it is made for {meant} and the pixels are {raster.space}"


@lru_cache(maxsize=64)
def _is_srgb(profile: bytes, space: str) -> bool:
    """Whether the profile changes no colour by more than a step."""
    meant = _SPACES[profile[16:20]]
    if meant == "CMYK":
        return False
    grid = _grid(meant)
    plain = grid if meant == "RGB" else np.repeat(grid[..., None], 3, axis=2)
    moved = _transformed(grid, profile, meant).astype(int) - plain
    if space == "grey":
        moved = moved[np.ptp(plain, axis=2) == 0]
    return bool(np.abs(moved).max() <= _SAME)


@cache
def _grid(space: str) -> npt.NDArray[np.uint8]:
    """Colours all over the space, the first with all channels 0 and the last with all at 255."""
    if space == "grey":
        return np.arange(256, dtype=np.uint8)[None]
    channels = 3 if space == "RGB" else 4
    steps = np.linspace(0, 255, _GRID).round().astype(np.uint8)
    nodes = np.stack(np.meshgrid(*[steps] * channels, indexing="ij"), axis=-1)
    return np.ascontiguousarray(nodes.reshape(_GRID, -1, channels))


def _transformed(samples: Samples, profile: bytes, space: str, flags: int = 0) -> RGB:
    if space == "grey" and _SPACES.get(profile[16:20]) == "RGB":
        samples, space = np.repeat(samples[..., None], 3, axis=2), "RGB"
    names = {"grey": "gray", "RGB": "rgb", "CMYK": "cmyk", "Lab": "lab"}
    if samples.dtype == np.uint16 or space == "Lab":
        flags |= _EXACT
    converted: RGB = imagecodecs.cms_transform(
        np.ascontiguousarray(samples),
        profile,
        _srgb(),
        colorspace=names[space],
        outcolorspace="rgb",
        outdtype="uint8",
        intent=_RELATIVE,
        flags=flags,
    )
    return converted


def _plain(raster: Raster) -> RGB:
    """Values as they are: grey three times, ink by its complement."""
    samples = eight_bits(raster.samples)
    if raster.space == "grey":
        return np.repeat(samples[..., None], 3, axis=2)
    if raster.space == "CMYK":
        return np.array(Image.fromarray(samples, "CMYK").convert("RGB"))
    return samples


def _over_white(colour: RGB, alpha: npt.NDArray[np.uint8]) -> RGB:
    white = Image.new("RGB", (colour.shape[1], colour.shape[0]), "white")
    white.paste(Image.fromarray(colour), mask=Image.fromarray(alpha))
    return np.array(white)


@cache
def _srgb() -> bytes:
    profile: bytes = imagecodecs.cms_profile("srgb")
    return profile


@cache
def _lab() -> bytes:
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())

"""The camera that both classes pass: scenes and generated pictures leave as its JPEG files.

A lens that never sits quite still, a little blur, a noisy sensor, a drifting exposure and JPEG:
neither sharpness nor noise nor file format alone may separate a scene from a generated picture.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unprompt.scenes.shapes import Floats

CAMERA_VERSION: Final = 1
"""Part of every seed: raise it when the same seed is to mean another photograph."""
QUALITIES: Final = (85, 96)
_LEAST_CROP: Final = 0.92
_FILTERS: Final = (
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
_BLUR: Final = (0.3, 0.7)
_READ_NOISE: Final = (1.2, 2.5)
_SHOT_NOISE: Final = (1.0, 3.5)
"""Deviations in levels: in the dark, and added at full light."""
_SUBSAMPLINGS: Final = (0, 2)
"""Pillow's numbers for 4:4:4 and 4:2:0."""


def photograph(picture: NDArray[np.uint8], seed: int) -> bytes:
    r"""Take a picture, H x W x 3, to the bytes of a JPEG file of the same size.

    >>> photograph(np.zeros((64, 64, 3), np.uint8), seed=0)[:2]
    b'\xff\xd8'
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"expected uint8 H x W x 3, got {picture.dtype} {picture.shape}")
    rng = np.random.default_rng([CAMERA_VERSION, seed])
    framed = _frame(Image.fromarray(picture), rng)
    light = _blur(np.asarray(framed, dtype=np.float32), rng.uniform(*_BLUR))
    light = _sense(_expose(light, rng), rng)
    taken = Image.fromarray(np.clip(np.rint(light), 0, 255).astype(np.uint8))
    file = io.BytesIO()
    low, high = QUALITIES
    quality = int(rng.integers(low, high + 1))
    subsampling = _SUBSAMPLINGS[int(rng.integers(len(_SUBSAMPLINGS)))]
    taken.save(file, "JPEG", quality=quality, subsampling=subsampling)
    return file.getvalue()


def _frame(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Crop 92 to 100 % somewhere and resample to the size that it had."""
    width, height = picture.size
    share, across, down = rng.uniform(_LEAST_CROP, 1), rng.random(), rng.random()
    left, top = across * (1 - share) * width, down * (1 - share) * height
    resample = _FILTERS[int(rng.integers(len(_FILTERS)))]
    box = (left, top, left + share * width, top + share * height)
    return picture.resize((width, height), resample, box=box)


def _blur(light: Floats, sigma: float) -> Floats:
    """Gaussian blur of five taps along both axes, H x W x 3."""
    taps = np.exp(-(np.arange(-2, 3) ** 2) / (2 * sigma**2))
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (0, 1):
        length = light.shape[axis]
        margins = [(2, 2) if axis == i else (0, 0) for i in range(3)]
        padded = np.pad(light, margins, mode="edge")
        light = sum(
            (tap * padded.take(range(i, i + length), axis) for i, tap in enumerate(taps)),
            start=np.zeros_like(light),
        )
    return light


def _expose(light: Floats, rng: np.random.Generator) -> Floats:
    """A few hundredths of exposure, and less of white balance."""
    gains = rng.uniform(0.96, 1.04) * rng.uniform(0.985, 1.015, size=3)
    return light * gains.astype(np.float32)


def _sense(light: Floats, rng: np.random.Generator) -> Floats:
    """Noise that grows with the root of the light."""
    dark, full = rng.uniform(*_READ_NOISE), rng.uniform(*_SHOT_NOISE)
    level = np.clip(light, 0, 255) / np.float32(255)
    deviation = np.sqrt(np.float32(dark**2) + np.float32(full**2) * level)
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    sensed: Floats = light + deviation * noise
    return sensed

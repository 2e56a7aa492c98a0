"""A picture with another spectrum, which stands for generated ones in CLIP-Flow's training.

Ours. It changes how the spectrum decays, in which generated pictures differ: https://arxiv.org/abs/1911.06465.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from unprompt.types import RGB

CUT: Final = 1 / 8
"""Frequency, in cycles a pixel, up to which the spectrum stays."""


def proxy(rgb: RGB, seed: int) -> RGB:
    """H x W x 3 uint8 -> the same size: F(u, v) max(1, r / CUT) ** gamma in each channel, r in cycles a pixel.

    The exponent gamma, of size 0.5 to 1.5 and either sign, is drawn by ``seed``: above 0 details grow stronger.
    """
    rng, (height, width) = np.random.default_rng(seed), rgb.shape[:2]
    gamma = rng.choice((-1, 1)) * rng.uniform(0.5, 1.5)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    spectrum = np.fft.rfft2(rgb, axes=(0, 1)) * np.maximum(1, radius / CUT)[..., None] ** gamma
    levels = np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1))
    return np.rint(levels).clip(0, 255).astype(np.uint8)

"""A picture as a condition of the card leaves it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from unprompt.evidence.pixels import LOSSLESS
from unprompt.images import hash_pixels
from unprompt.perturbations.degradation import condition as changing
from unprompt.types import Picture

CONDITION_SEED: Final = 31


def drawn(condition: str, picture: Picture) -> Picture:
    """The picture as a condition leaves it."""
    rng = np.random.default_rng([picture.seed, CONDITION_SEED])
    rgb = changing(condition)(picture.rgb, picture.format in LOSSLESS, rng)
    return replace(picture, rgb=rgb, pixels=hash_pixels(rgb))

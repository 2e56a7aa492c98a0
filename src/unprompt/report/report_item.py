"""One picture's card: the judgement, and the pictures that it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.types import RGB, Box, Prediction

GAIN: Final = 2
"""The SARE map is mostly dark: it is shown this many times brighter, and the page says so."""


@dataclass(frozen=True, eq=False)
class ReportItem:
    """A judgement with whatever pictures explain it; None for what was not made."""

    prediction: Prediction
    picture: RGB | None = None
    reconstruction: RGB | None = None
    sare_map: npt.NDArray[np.floating] | None = None
    """H x W x 3 in [0, 1]: SARE, equation 4."""
    regeneration: RGB | None = None
    boxes: tuple[Box, ...] = ()
    """Where the picture shows the phrases of its caption: TIDY and ITEM."""

    def pictures(self) -> dict[str, RGB]:
        """Those that were made, by the name of their part, in the order in which they are shown."""
        parts = {
            "picture": self.picture,
            "reconstruction": self.reconstruction,
            "map": None if self.sare_map is None else brighten(self.sare_map),
            "regeneration": self.regeneration,
        }
        return {part: rgb for part, rgb in parts.items() if rgb is not None}

    def bars(self) -> dict[str, float]:
        """Probability of every method, the one that gave the verdict first."""
        prediction = self.prediction
        spoke = prediction.method
        if spoke is None or prediction.probability is None:
            return dict(prediction.scores)
        return {spoke: prediction.probability} | {
            method: score for method, score in prediction.scores.items() if method != spoke
        }


def brighten(sare_map: npt.NDArray[np.floating]) -> RGB:
    """H x W x 3 in [0, 1] -> uint8, ``GAIN`` times brighter.

    >>> brighten(np.array([[[0.1, 0.5, 0.9]]])).tolist()
    [[[51, 255, 255]]]
    """
    brighter: RGB = np.rint(np.clip(sare_map * GAIN, 0, 1) * 255).astype(np.uint8)
    return brighter

"""The one box of what a grounder sees of a phrase."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unprompt.types import Box

Vectors = npt.NDArray[np.float32]


def best_box(phrase: str, edges: Vectors, scores: Vectors, threshold: float) -> Box | None:
    """The box with the highest score above ``threshold``, cut to the picture; None when none of them shows any of it.

    >>> best_box("a ball", np.float32([[0.5, 0, 1.5, 1], [0, 0, 1, 1]]), np.float32([0.75, 0.5]), 0.35)
    Box(phrase='a ball', left=0.5, top=0.0, right=1.0, bottom=1.0, score=0.75)
    """
    inside = np.clip(edges, 0, 1).astype(np.float32)
    sound = (inside[:, 2:] > inside[:, :2]).all(axis=1) & (scores > threshold)
    if not sound.any():
        return None
    best = int(np.where(sound, scores, -1).argmax())
    left, top, right, bottom = (float(edge) for edge in inside[best])
    return Box(phrase, left, top, right, bottom, float(np.float32(scores[best])))

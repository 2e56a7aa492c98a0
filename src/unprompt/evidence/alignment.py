"""What TIDY and ITEM look at: how far a picture lies from its own caption in CLIP's joint space.

The formulas come first; they know of nothing but vectors. Papers: *TIDY*, section 3; *ITEM*, section III.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.evidence.base import Extractor
from unprompt.evidence.bench import Bench
from unprompt.evidence.products import CAPTION_EMBEDDINGS, CAPTIONS, PICTURE_EMBEDDINGS, Product
from unprompt.types import Caption

Vector: TypeAlias = npt.NDArray[np.float32]
TINY = np.float32(1e-12)
"""Least length that a vector is divided by: the zero vector has no direction and stays zero."""


def tidy(image: Vector, text: Vector) -> Vector:
    """D = |I - T|, element by element; ... x d, >= 0 (TIDY eq. 2)."""
    return np.asarray(np.abs(image - text), np.float32)


def item(image: Vector, text: Vector) -> Vector:
    """D = I/|I| - T/|T|, with sign; ... x d, each element in [-2, 2] (ITEM eq. 3)."""
    return _direction(image) - _direction(text)


def combine(whole: Vector, local: Vector | None = None, w1: float = 1.0, w2: float = 1.0) -> Vector:
    """D = w1 D_g + w2 D_l (TIDY eq. 6, ITEM eq. 8); without grounded phrases (``None``) D = w1 D_g."""
    weighted = np.float32(w1) * whole
    return weighted if local is None else weighted + np.float32(w2) * local


def _direction(vector: Vector) -> Vector:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.maximum(length, TINY), np.float32)


@dataclass(frozen=True, eq=False)
class AlignmentEvidence:
    """A picture and its caption as two points of one space, neither normalised."""

    image: Vector
    """I_0, d float32."""
    text: Vector
    """T_0, d float32."""
    caption: Caption


class AlignmentExtractor(Extractor[AlignmentEvidence]):
    """(I_0, T_0) = CLIP(x, p) of the whole picture and its full caption (TIDY eq. 1, ITEM eq. 2)."""

    roles = ("captioner", "encoder")

    def __init__(self, method: str) -> None:
        self.method = method  # tidy and item look at the same evidence, each through a view of its own

    def products(self) -> Sequence[Product[Any]]:
        return CAPTIONS, PICTURE_EMBEDDINGS, CAPTION_EMBEDDINGS

    def _extract(self, bench: Bench) -> list[AlignmentEvidence]:
        made = zip(bench.picture_embeddings(), bench.caption_embeddings(), bench.captions(), strict=True)
        return [AlignmentEvidence(image, text, caption) for image, text, caption in made]

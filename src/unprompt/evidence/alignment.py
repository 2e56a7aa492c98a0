"""What TIDY and ITEM look at: how far a picture lies from its own caption in CLIP's joint space.

The formulas come first; they know of nothing but vectors. Papers: *TIDY*, section 3; *ITEM*, section III.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.choices import Preprocess
from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import (
    BOXES,
    CAPTION_EMBEDDINGS,
    CAPTIONS,
    OBJECT_EMBEDDINGS,
    PHRASE_EMBEDDINGS,
    Product,
    picture_embeddings,
)
from unprompt.types import Box, Caption

Vector: TypeAlias = npt.NDArray[np.float32]
TINY = np.float32(1e-12)
"""Least length that a vector is divided by: the zero vector has no direction and stays zero."""


def tidy(image: Vector, text: Vector) -> Vector:
    """D = |I - T|, element by element; ... x d, >= 0 (TIDY eq. 2)."""
    return np.asarray(np.abs(image - text), np.float32)


def item(image: Vector, text: Vector) -> Vector:
    """D = I/|I| - T/|T|, with sign; ... x d, each element in [-2, 2] (ITEM eq. 3)."""
    return direction(image) - direction(text)


def local(distances: Vector) -> Vector:
    """D_l = 1/n sum of D_l^i over the n objects that were grounded; n x d -> d, n >= 1 (TIDY eq. 5, ITEM eq. 7)."""
    return np.asarray(distances.mean(axis=0), np.float32)


def combine(whole: Vector, local: Vector | None = None, w1: float = 1.0, w2: float = 1.0) -> Vector:
    """D = w1 D_g + w2 D_l (TIDY eq. 6, ITEM eq. 8); without grounded phrases (``None``) D = w1 D_g."""
    weighted = np.float32(w1) * whole
    return weighted if local is None else weighted + np.float32(w2) * local


def direction(vectors: Vector) -> Vector:
    """I/|I| of ... x d; the zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, TINY), np.float32)


@dataclass(frozen=True, eq=False)
class Objects:
    """What the caption names and the picture shows: (I_i, T_i) = CLIP(x_i, p_i) (TIDY eq. 4, ITEM eq. 5 and 6)."""

    boxes: tuple[Box, ...]
    """Of the n phrases p_i that were grounded; () when none was."""
    images: Vector
    """I_1 to I_n of what the boxes cut out, n x d float32."""
    texts: Vector
    """T_1 to T_n of the phrases, n x d float32."""


@dataclass(frozen=True, eq=False)
class AlignmentEvidence:
    """A picture and its caption as two points of one space, neither normalised."""

    image: Vector
    """I_0, d float32."""
    text: Vector
    """T_0, d float32."""
    caption: Caption
    objects: Objects | None = None
    """None where none were looked for."""


class AlignmentExtractor(Extractor[AlignmentEvidence]):
    """(I_0, T_0) = CLIP(x, p) of the whole picture and its full caption (TIDY eq. 1, ITEM eq. 2).

    With ``objects`` also (I_i, T_i) of each phrase that is grounded. ``preprocess`` is of the whole picture: what a box
    cuts out has any size, and is resized under either policy.
    """

    def __init__(self, method: str, objects: bool = False, preprocess: Preprocess = "resize") -> None:
        self.method = method  # tidy and item look at the same evidence, each through a view of its own
        self.objects, self.preprocess = objects, preprocess
        self.roles = ("captioner", "encoder", *(("grounder",) if objects else ()))

    def products(self) -> Sequence[Product[Any]]:
        both = CAPTIONS, picture_embeddings(self.preprocess), CAPTION_EMBEDDINGS
        return (*both, BOXES, OBJECT_EMBEDDINGS, PHRASE_EMBEDDINGS) if self.objects else both

    def _extract(self, cache: ProductCache) -> list[AlignmentEvidence]:
        objects: list[Any] = [None] * len(cache.pixels)
        if self.objects:
            rows = zip(cache.boxes(), cache.object_embeddings(), cache.phrase_embeddings(), strict=True)
            objects = [Objects(*row) for row in rows]
        images = cache.picture_embeddings(self.preprocess)
        columns = images, cache.caption_embeddings(), cache.captions(), objects
        return [AlignmentEvidence(*row) for row in zip(*columns, strict=True)]

"""Evidence of traces: the statistics of a picture's middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from unprompt.evidence.alignment import Vector
from unprompt.evidence.base import PictureExtractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.traces.vector import traces
from unprompt.evidence.views import native
from unprompt.types import RGB

SIDE: Final = 256
"""Sides of the central crop, in native pixels."""


@dataclass(frozen=True, eq=False)
class TraceEvidence:
    """What generation, resampling and compression left in the middle of a picture."""

    vector: Vector
    """WIDTH float32: see :func:`~unprompt.evidence.traces.traces`."""


class TraceExtractor(PictureExtractor[TraceEvidence]):
    """Statistics of the pixels as they are: nothing is resized."""

    def _extract(self, cache: ProductCache) -> list[TraceEvidence]:
        return [TraceEvidence(vector) for vector in trace_vectors(cache)]


def trace_vectors(cache: ProductCache) -> list[Vector]:
    """The statistics of each picture's middle, counted once for the head and for the check of a suite."""
    return cache.once("traces", lambda: [traces(middle(picture.rgb)) for picture in cache.pictures])


def middle(rgb: RGB) -> RGB:
    """At most 256 x 256 of the native picture; a shorter side stays as it is."""
    rgb = native(rgb)
    top, left = (max(0, side - SIDE) // 2 for side in rgb.shape[:2])
    return rgb[top : top + SIDE, left : left + SIDE]

"""Three trivial detectors, measured beside the methods: data on which one of them suffices test no claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from unprompt.detectors.base import Floats
from unprompt.detectors.closed_form import LinearDetector
from unprompt.detectors.options import ClosedFormOptions
from unprompt.evidence.trivial import KNOWN_FORMATS, THUMBNAIL, TrivialEvidence, TrivialExtractor


class TrivialDetector(LinearDetector[TrivialEvidence]):
    """Logistic regression on one field of the trivial evidence."""

    Evidence = TrivialEvidence
    field: ClassVar[Literal["energy", "thumbnail", "metadata"]]
    size: ClassVar[int]

    @property
    def width(self) -> int:
        return self.size

    def features(self, evidence: Sequence[TrivialEvidence]) -> Floats:
        return np.stack([getattr(one, self.field) for one in evidence]).astype(np.float64)

    @classmethod
    def evidence_of(cls, options: ClosedFormOptions) -> TrivialExtractor:
        return TrivialExtractor(cls.method)


class EnergyDetector(TrivialDetector):
    """Baseline: how much neighbouring pixels differ: blur, grain and compression in one number."""

    method = "trivial-energy"
    field = "energy"
    size = 1


class ThumbnailDetector(TrivialDetector):
    """Baseline: the picture at 8 x 8: colours and layout, no detail."""

    method = "trivial-thumbnail"
    field = "thumbnail"
    size = 3 * THUMBNAIL**2


class MetadataDetector(TrivialDetector):
    """Baseline: format, size and quality: no pixel at all."""

    method = "trivial-metadata"
    field = "metadata"
    size = 4 + len(KNOWN_FORMATS)

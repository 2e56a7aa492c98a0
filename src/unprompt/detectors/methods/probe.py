"""The baseline beside the methods: a linear probe on the frozen image embedding, without any caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from unprompt.detectors.base import Floats
from unprompt.detectors.closed_form import LinearDetector
from unprompt.detectors.options import ClosedFormOptions
from unprompt.evidence.embedding import EmbeddingEvidence, EmbeddingExtractor


class ClipProbe(LinearDetector[EmbeddingEvidence]):
    """Baseline: logistic regression on CLIP's vector of the picture, without any caption."""

    method = "clip-probe"
    Evidence = EmbeddingEvidence
    roles: ClassVar[tuple[str, ...]] = ("encoder",)

    @property
    def width(self) -> int:
        return self.suite.encoder.width

    def features(self, evidence: Sequence[EmbeddingEvidence]) -> Floats:
        return np.stack([one.image for one in evidence]).astype(np.float64)

    @classmethod
    def evidence_of(cls, options: ClosedFormOptions) -> EmbeddingExtractor:
        return EmbeddingExtractor()

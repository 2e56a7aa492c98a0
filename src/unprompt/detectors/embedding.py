"""What a detector of a picture's vector has in common with others: the evidence, and how it is stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from unprompt.detectors.base import Detector
from unprompt.detectors.options import PreprocessOptions
from unprompt.detectors.towers import check_preprocess
from unprompt.evidence.embedding import EmbeddingEvidence, EmbeddingExtractor

if TYPE_CHECKING:
    from unprompt.instruments import Suite

O = TypeVar("O", bound=PreprocessOptions)  # noqa: E741 - as in base.py


class EmbeddingDetector(Detector[EmbeddingEvidence, O]):
    """A network on the encoder's vector of the picture, N x d."""

    Evidence = EmbeddingEvidence
    roles: ClassVar[tuple[str, ...]] = ("encoder",)
    cacheable_features = True

    @classmethod
    def evidence_of(cls, options: O) -> EmbeddingExtractor:
        return EmbeddingExtractor(cls.method, options.preprocess)

    @classmethod
    def check_head(cls, suite: Suite, options: O) -> None:
        check_preprocess(suite.encoder, options.preprocess)

    def collate(
        self, evidence: Sequence[EmbeddingEvidence], rng: np.random.Generator | None = None
    ) -> tuple[Tensor, ...]:
        return (stacked(evidence),)


def stacked(evidence: Sequence[EmbeddingEvidence]) -> Tensor:
    """N x d."""
    return torch.from_numpy(np.stack([one.image for one in evidence]))

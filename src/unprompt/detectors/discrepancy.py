"""What TIDY and ITEM share: an MLP on the distance between a picture and its caption."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from unprompt.detectors.base import Detector
from unprompt.detectors.heads import TwoClassHead
from unprompt.detectors.options import TrainedOptions, at_least
from unprompt.errors import DataError
from unprompt.evidence.alignment import AlignmentEvidence, AlignmentExtractor, Vector, combine


@dataclass(frozen=True)
class DiscrepancyOptions(TrainedOptions):
    """AdamW, rate 1e-3, weight decay 1e-3, 50 epochs (TIDY 4.1, ITEM IV.A); width and batch are ours."""

    hidden: int = 256
    """Width of the MLP's hidden layer."""
    w1: float = 1.0
    """Weight of the global distance."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("hidden", self.hidden, 1)


class DiscrepancyDetector(Detector[AlignmentEvidence, DiscrepancyOptions]):
    """y = MLP(D), d -> hidden -> 2; only the MLP is trained (TIDY eq. 7, ITEM eq. 9)."""

    Evidence = AlignmentEvidence
    Options = DiscrepancyOptions
    roles: ClassVar[tuple[str, ...]] = ("encoder",)

    @staticmethod
    @abstractmethod
    def discrepancy(image: Vector, text: Vector) -> Vector:
        """The paper's D of N x d pictures and their N x d captions."""

    @classmethod
    def evidence_of(cls, options: DiscrepancyOptions) -> AlignmentExtractor:
        return AlignmentExtractor(cls.method)

    def _build(self) -> nn.Module:
        return TwoClassHead(self.suite.encoder.width, self.options.hidden)

    def collate(
        self, evidence: Sequence[AlignmentEvidence], chance: np.random.Generator | None = None
    ) -> tuple[Tensor, ...]:
        width = self.suite.encoder.width
        for index, one in enumerate(evidence):
            if one.image.shape != (width,) or one.text.shape != (width,):
                raise DataError(
                    f"evidence[{index}] has vectors of shape {one.image.shape} and {one.text.shape}, expected "
                    f"({width},) like this suite's encoder: extract it again with this suite"
                )
        image, text = np.stack([one.image for one in evidence]), np.stack([one.text for one in evidence])
        return (torch.from_numpy(combine(self.discrepancy(image, text), w1=self.options.w1)),)

"""DE-FAKE: CLIP's vectors of a picture and of its caption, joined, and an MLP on them.

Sha et al., 2023, https://arxiv.org/abs/2210.06998: the hybrid detector. The paper's encoder is CLIP
ViT-B/32 and its captioner BLIP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.base import Detector
from unprompt.detectors.options import Optimiser, TrainedOptions
from unprompt.evidence.alignment import AlignmentEvidence, AlignmentExtractor
from unprompt.validation import Count, NotNegative, Positive, checked


@checked()
class DefakeOptions(TrainedOptions):
    """Adam, rate 3e-4, batch 128, 100 epochs: the authors' code."""

    epochs: Count = 100
    batch: Count = 128
    rate: Positive = 3e-4
    weight_decay: NotNegative = 0.0
    optimiser: Optimiser = "adam"


class DefakeHead(nn.Module):
    """2d -> 512 -> 256 -> (real, generated), ReLU, dropout 0.5 after the first; the logit is their difference."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(2 * width, 512), nn.Linear(512, 256), nn.Linear(256, 2)
        self.dropout = nn.Dropout(0.5)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """N x d and N x d -> N logits."""
        hidden = self.dropout(F.relu(self.fc1(torch.cat([image, text], dim=1))))
        real, generated = self.fc3(F.relu(self.fc2(hidden))).unbind(-1)
        return cast(Tensor, generated - real)


class DefakeDetector(Detector[AlignmentEvidence, DefakeOptions]):
    """Baseline DE-FAKE: an MLP on CLIP's vectors of the picture and of its caption, side by side."""

    method = "defake"
    Options = DefakeOptions
    Evidence = AlignmentEvidence
    roles: ClassVar[tuple[str, ...]] = ("encoder",)
    cacheable_features = True

    @classmethod
    def evidence_of(cls, options: DefakeOptions) -> AlignmentExtractor:
        return AlignmentExtractor(cls.method)

    def _build(self) -> DefakeHead:
        return DefakeHead(self.suite.encoder.width)

    def collate(
        self, evidence: Sequence[AlignmentEvidence], rng: np.random.Generator | None = None
    ) -> tuple[Tensor, ...]:
        columns = [one.image for one in evidence], [one.text for one in evidence]
        return tuple(torch.from_numpy(np.stack(column)) for column in columns)

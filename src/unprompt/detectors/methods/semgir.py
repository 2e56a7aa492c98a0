"""SemGIR: a learned encoder compares a picture with what a generator draws from its caption (section 3.3, 3.4).

The paper calls real the positive class; here, as everywhere, 1 = generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from unprompt.detectors.base import Detector
from unprompt.detectors.heads import TwoClassHead, mean_score_logit
from unprompt.detectors.options import RegenerationOptions
from unprompt.detectors.towers import ImageTower, as_pixels, check_towers
from unprompt.errors import DataError
from unprompt.evidence.semgir import SemgirEvidence, SemgirExtractor
from unprompt.images import centre_square
from unprompt.validation import Count, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite


@checked()
class SemgirOptions(RegenerationOptions):
    """How often each caption is drawn."""

    regenerations: Count = 1
    """Drawings of each caption; their scores are averaged."""


class SemgirNetwork(nn.Module):
    """Phi of both pictures, joined, then 2d -> d -> 2."""

    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower
        self.head = TwoClassHead(2 * tower.width, tower.width)

    def forward(self, candidate: Tensor, regenerations: Tensor) -> Tensor:
        """N x 3 x S x S and N x k x 3 x S x S uint8 -> N logits of the mean score."""
        count = regenerations.shape[1]
        drawn = self.tower(regenerations.flatten(0, 1)).unflatten(0, (-1, count))  # N x k x d
        image = self.tower(candidate)[:, None].expand_as(drawn)
        return mean_score_logit(self.head(torch.cat([image, drawn], dim=-1)))  # s_d = E_Ic || E_Ir (eq. 4)


class SemgirDetector(Detector[SemgirEvidence, SemgirOptions]):
    """SemGIR: the picture beside what a generator draws from its caption.

    s_d = E(I_c) || E(I_r), not normalised; the encoder starts as CLIP and is learned (eq. 4, 7).
    """

    method = "semgir"
    Options = SemgirOptions
    Evidence = SemgirEvidence
    network: SemgirNetwork
    roles: ClassVar[tuple[str, ...]] = ("encoder",)

    @classmethod
    def evidence_of(cls, options: SemgirOptions) -> SemgirExtractor:
        return SemgirExtractor(options.regenerations)

    @classmethod
    def check_head(cls, suite: Suite, options: SemgirOptions) -> None:
        check_towers(suite.encoder, options.layers)

    def _build(self) -> SemgirNetwork:
        return SemgirNetwork(ImageTower(self.suite.encoder, self.options.layers))

    def collate(self, evidence: Sequence[SemgirEvidence], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        for index, one in enumerate(evidence):
            if len(one.regenerations) != self.options.regenerations:
                raise DataError(
                    f"evidence[{index}] has {len(one.regenerations)} regenerations, expected "
                    f"{self.options.regenerations} as in --regenerations: extract it again"
                )
        side = self.network.tower.side
        candidates = as_pixels([centre_square(one.candidate, side) for one in evidence])
        drawn = [as_pixels([centre_square(rgb, side) for rgb in one.regenerations]) for one in evidence]
        return candidates, torch.stack(drawn)

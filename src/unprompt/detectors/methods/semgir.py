"""SemGIR: a learned encoder compares a picture with what a generator draws from its caption (section 3.3, 3.4).

The paper calls real the positive class; here, as everywhere, 1 = generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from unprompt.detectors.base import Detector
from unprompt.detectors.heads import Combiner, TwoClassHead, mean_score_logit
from unprompt.detectors.semantic import SemanticNetwork, SemanticOptions, caption_parts, fitting_widening
from unprompt.detectors.towers import ImageTower, TextTower, as_pixels, check_towers, require_text_tower
from unprompt.errors import DataError
from unprompt.evidence.semgir import SemgirEvidence, SemgirExtractor
from unprompt.images import centre_square
from unprompt.validation import Count, Flag, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite


@checked()
class SemgirOptions(SemanticOptions):
    """How often each caption is drawn, and which features are classified; by default those of both pictures."""

    regenerations: Count = 1
    """Drawings of each caption; their scores are averaged."""
    even: Flag = True
    """Where the Combiner enters, bring its feature and the drawing's to the length sqrt(d); without it features are as
    the encoder gives them."""


class SemgirNetwork(SemanticNetwork):
    """Phi of both pictures, joined, then 2d -> d -> 2; or one of the paper's other features (table 4)."""

    def __init__(
        self, tower: ImageTower, options: SemgirOptions, text: TextTower | None, combiner: Combiner | None
    ) -> None:
        super().__init__(options.features, options.even and options.told, text, combiner)
        self.tower = tower
        self.head = TwoClassHead((1 + options.drawn) * tower.width, tower.width)

    def forward(self, candidate: Tensor, regenerations: Tensor, *caption: Tensor) -> Tensor:
        """N x 3 x S x S and N x k x 3 x S x S uint8, ids and mask where they enter -> N logits of the mean score."""
        return mean_score_logit(self.head(self.joined(self.tower, candidate, regenerations, caption)))


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
    def sized_options(cls, suite: Suite) -> SemgirOptions:
        """A slim Combiner for a small encoder."""
        return SemgirOptions(widening=fitting_widening(suite.of(cls.method).encoder))

    @classmethod
    def evidence_of(cls, options: SemgirOptions) -> SemgirExtractor:
        return SemgirExtractor(options.regenerations)

    @classmethod
    def check_head(cls, suite: Suite, options: SemgirOptions) -> None:
        check_towers(suite.encoder, options.layers, text=options.told)

    def _build(self) -> SemgirNetwork:
        tower = ImageTower(self.suite.encoder, self.options.layers)
        return SemgirNetwork(tower, self.options, *caption_parts(self.suite.encoder, self.options))

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
        if not self.options.told:
            return candidates, torch.stack(drawn)
        tokens = require_text_tower(self.suite.encoder).tokens([one.caption.text for one in evidence])
        return candidates, torch.stack(drawn), *tokens

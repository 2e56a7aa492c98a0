"""A linear layer on what CLIP's vision tower holds between its layers, and not on its last embedding alone.

Ours; that intermediate layers tell more of a picture's making than the last is Koutlis and Papadopoulos, 2024,
https://arxiv.org/abs/2402.19091, who learn a network on all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from unprompt.detectors.base import Detector
from unprompt.detectors.ensemble import StandardisedEnsemble
from unprompt.detectors.options import TrainedOptions
from unprompt.errors import DataError, OptionError
from unprompt.evidence.layers import LayersEvidence, LayersExtractor
from unprompt.validation import Count, NotNegative, Number, Positive, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite


@checked()
class ClipLayersOptions(TrainedOptions):
    """AdamW, rate 1e-3, batch 256, 60 epochs: chosen on photographs, by leaving generators and collections out."""

    epochs: Count = 60
    batch: Count = 256
    rate: Positive = 1e-3
    weight_decay: NotNegative = 1e-2
    layers: Annotated[tuple[int, ...], Field(min_length=1, description="one layer or more")] = (6, 7, 8, 9, 10, 11, 12)
    """Layers whose CLS token is read, from 1; from the middle of the tower to its end unless others are chosen."""
    nets: Count = 1
    """Linear layers whose logits are averaged."""
    dropout: Annotated[Number, Field(ge=0, lt=1, description="0 or more, below 1")] = 0.5
    """Share of the numbers that each training step leaves out."""
    smoothing: Annotated[Number, Field(ge=0, le=0.5, description="0 to 0.5")] = 0.05
    """Share of each label that is given to the other one in training."""


class ClipLayersNetwork(StandardisedEnsemble):
    """Linear layers on standardised tokens, N x width -> N logits, their mean."""

    def __init__(self, width: int, options: ClipLayersOptions) -> None:
        super().__init__(width, [nn.Linear(width, 1) for _ in range(options.nets)])
        self.dropout = nn.Dropout(options.dropout)

    def shown(self, z: Tensor) -> Tensor:
        """In training without a share of the numbers."""
        return cast(Tensor, self.dropout(z))


class ClipLayersDetector(Detector[LayersEvidence, ClipLayersOptions]):
    """CLIP's inner layers: a linear layer on their CLS tokens, the mean over a picture's views."""

    method = "clip-layers"
    Options = ClipLayersOptions
    Evidence = LayersEvidence
    roles: ClassVar[tuple[str, ...]] = ("vision",)
    cacheable_features: ClassVar[bool] = True
    network: ClipLayersNetwork

    @property
    def width(self) -> int:
        """Numbers of a picture."""
        return len(self.options.layers) * self.suite.vision.width

    @classmethod
    def sized_options(cls, suite: Suite) -> ClipLayersOptions:
        depth = suite.of(cls.method).vision.depth
        return ClipLayersOptions(layers=tuple(range(max(1, depth // 2), depth + 1)))

    @classmethod
    def evidence_of(cls, options: ClipLayersOptions) -> LayersExtractor:
        return LayersExtractor(cls.method, options.layers)

    @classmethod
    def check_head(cls, suite: Suite, options: ClipLayersOptions) -> None:
        depth = suite.vision.depth
        if strange := [layer for layer in options.layers if not 1 <= layer <= depth]:
            raise OptionError(
                f"--set layers={list(options.layers)} has {strange[0]}, expected 1 to {depth} of this suite's tower"
            )

    def prepare_fit(self, evidence: Sequence[LayersEvidence]) -> None:
        """Standardise by the evidence that is learned from."""
        self.network.standardise(*self.collate(evidence))

    def loss(self, inputs: Sequence[Tensor], target: Tensor) -> Tensor:
        """The mean of the layers' own cross-entropies, with labels smoothed."""
        return self.network.separate_loss(inputs, target, self.options.smoothing)

    def _build(self) -> ClipLayersNetwork:
        self.check_head(self.suite, self.options)
        return ClipLayersNetwork(self.width, self.options)

    def collate(self, evidence: Sequence[LayersEvidence], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        """N x width: the mean over the views, whose logit is the mean of the views' logits."""
        for index, one in enumerate(evidence):
            if one.views.ndim != 2 or one.views.shape[1] != self.width or not len(one.views):
                raise DataError(
                    f"evidence[{index}] has views of shape {one.views.shape}, expected n x {self.width} like layers "
                    f"{list(self.options.layers)} of this suite's tower: extract it again with this suite"
                )
        return (torch.from_numpy(np.stack([one.views.mean(axis=0) for one in evidence])),)

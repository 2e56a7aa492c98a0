"""Traces: small networks on the forensic statistics of a picture's middle, for photographs without any large model.

Ours; the statistics and their sources are in :mod:`unprompt.evidence.traces`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from unprompt.detectors.base import Detector
from unprompt.detectors.ensemble import StandardisedEnsemble
from unprompt.detectors.options import TrainedOptions
from unprompt.evidence.traces import WIDTH, TraceEvidence, TraceExtractor
from unprompt.validation import Count, NotNegative, Number, Positive, checked

REACH: Final = 5.0
"""Standard deviations from the mean beyond which a statistic counts no further."""


@checked()
class TracesOptions(TrainedOptions):
    """AdamW, rate 2e-3, batch 128, 15 epochs: chosen on photographs, by leaving generators and collections out."""

    epochs: Count = 15
    batch: Count = 128
    rate: Positive = 2e-3
    weight_decay: NotNegative = 1e-2
    nets: Count = 6
    """Networks whose logits are averaged."""
    hidden: Count = 64
    """Width of both hidden layers."""
    noise: NotNegative = 0.1
    """Standard deviation of what is added to the standardised statistics in training."""
    smoothing: Annotated[Number, Field(ge=0, le=0.5, description="0 to 0.5")] = 0.05
    """Share of each label that is given to the other one in training."""


class TracesNetwork(StandardisedEnsemble):
    """Several perceptrons of two hidden layers on standardised statistics; N x width -> N logits, their mean."""

    def __init__(self, width: int, options: TracesOptions) -> None:
        super().__init__(width, [_perceptron(width, options.hidden) for _ in range(options.nets)])
        self.noise = options.noise

    def shown(self, z: Tensor) -> Tensor:
        """Within REACH; in training under noise."""
        seen = z.clamp(-REACH, REACH)
        return seen + self.noise * torch.randn_like(seen) if self.training else seen


def _perceptron(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(0.2),
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hidden, 1),
    )


class TracesDetector(Detector[TraceEvidence, TracesOptions]):
    """Traces: six small perceptrons on residuals, spectra and colours at native resolution, without any other model."""

    method = "traces"
    Options: ClassVar[type[TracesOptions]] = TracesOptions
    Evidence = TraceEvidence
    cacheable_features: ClassVar[bool] = True
    network: TracesNetwork

    @classmethod
    def evidence_of(cls, options: TracesOptions) -> TraceExtractor:
        return TraceExtractor(cls.method)

    def prepare_fit(self, evidence: Sequence[TraceEvidence]) -> None:
        """Standardise by the evidence that is learned from."""
        self.network.standardise(*self.collate(evidence))

    def loss(self, inputs: Sequence[Tensor], target: Tensor) -> Tensor:
        """The mean of the networks' own cross-entropies, with labels smoothed."""
        return self.network.separate_loss(inputs, target, self.options.smoothing)

    def _build(self) -> TracesNetwork:
        return TracesNetwork(WIDTH, self.options)

    def collate(self, evidence: Sequence[TraceEvidence], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        return (torch.from_numpy(np.stack([one.vector for one in evidence])),)

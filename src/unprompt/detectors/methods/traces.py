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
from torch.nn import functional as F

from unprompt.detectors.base import Detector
from unprompt.detectors.options import TrainedOptions
from unprompt.evidence.traces import WIDTH, TraceEvidence, TraceExtractor
from unprompt.validation import Count, NotNegative, Number, Positive, checked

REACH: Final = 5.0
"""Standard deviations from the mean beyond which a statistic counts no further."""
STILL: Final = 1e-6
"""Standard deviation up to which a statistic counts as constant and is not scaled."""


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


class TracesNetwork(nn.Module):
    """Several perceptrons of two hidden layers on standardised statistics; N x width -> N logits, their mean.

    Each has a mean and a scale of its own, as each may have learned from other pictures.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, options: TracesOptions) -> None:
        super().__init__()
        self.noise = options.noise
        self.register_buffer("mean", torch.zeros(options.nets, width))
        self.register_buffer("scale", torch.ones(options.nets, width))
        self.nets = nn.ModuleList([_perceptron(width, options.hidden) for _ in range(options.nets)])

    def standardise(self, rows: Tensor) -> None:
        """Take mean and standard deviation from N x width statistics."""
        wide = rows.double()
        spread = wide.std(dim=0, correction=0)
        self.mean.copy_(wide.mean(dim=0))
        self.scale.copy_(torch.where(spread > STILL, spread, 1.0))

    def join(self, others: Sequence[TracesNetwork]) -> None:
        """Take weights, means and scales of as many networks of one net each."""
        for place, (net, other) in enumerate(zip(self.nets, others, strict=True)):
            net.load_state_dict(other.nets[0].state_dict())
            self.mean[place], self.scale[place] = other.mean[0], other.scale[0]

    def each(self, rows: Tensor) -> Tensor:
        """N x nets logits; in training every network sees noise of its own."""
        logits = []
        for net, mean, scale in zip(self.nets, self.mean, self.scale, strict=True):
            z = ((rows - mean) / scale).clamp(-REACH, REACH)
            logits.append(net(self._disturbed(z)))
        return torch.cat(logits, dim=1)

    def forward(self, rows: Tensor) -> Tensor:
        return self.each(rows).mean(dim=1)

    def _disturbed(self, z: Tensor) -> Tensor:
        return z + self.noise * torch.randn_like(z) if self.training else z


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
        logits = self.network.each(*inputs).float()
        smooth = self.options.smoothing
        softened = target * (1 - 2 * smooth) + smooth
        return F.binary_cross_entropy_with_logits(logits, softened[:, None].expand_as(logits))

    def _build(self) -> TracesNetwork:
        return TracesNetwork(WIDTH, self.options)

    def collate(self, evidence: Sequence[TraceEvidence], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        return (torch.from_numpy(np.stack([one.vector for one in evidence])),)

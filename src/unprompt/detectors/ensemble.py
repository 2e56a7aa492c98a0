"""Several small networks that learn apart, each from pictures of its own, and answer by the mean of their logits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STILL: Final = 1e-6
"""Standard deviation up to which a number counts as constant and is not scaled."""


class Ensemble(nn.Module):
    """The networks ``nets``; a subclass says what goes into each."""

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def join(self, others: Sequence[Self]) -> None:
        """Take the weights of as many ensembles of one net each."""
        for net, other in zip(self.nets, others, strict=True):
            net.load_state_dict(other.nets[0].state_dict())

    @abstractmethod
    def each(self, *inputs: Tensor) -> Tensor:
        """N x nets logits."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """As :meth:`each`, their mean: N logits."""
        return self.each(*inputs).mean(dim=1)

    def separate_loss(self, inputs: Sequence[Tensor], target: Tensor, smoothing: float) -> Tensor:
        """Mean of the nets' own cross-entropies, so that each learns by itself.

        ``smoothing`` is the share of each label that is given to the other one.
        """
        logits = self.each(*inputs).float()
        softened = target * (1 - 2 * smoothing) + smoothing
        return F.binary_cross_entropy_with_logits(logits, softened[:, None].expand_as(logits))


class StandardisedEnsemble(Ensemble):
    """Networks on N x width rows, each with a mean and a scale of its own, as each may have learned other pictures."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, nets: Sequence[nn.Module]) -> None:
        super().__init__(nets)
        self.register_buffer("mean", torch.zeros(len(nets), width))
        self.register_buffer("scale", torch.ones(len(nets), width))

    def standardise(self, rows: Tensor) -> None:
        """Take mean and standard deviation from N x width rows."""
        wide = rows.double()
        spread = wide.std(dim=0, correction=0)
        self.mean.copy_(wide.mean(dim=0))
        self.scale.copy_(torch.where(spread > STILL, spread, 1.0))

    def join(self, others: Sequence[Self]) -> None:
        """Take weights, means and scales."""
        super().join(others)
        for place, other in enumerate(others):
            self.mean[place], self.scale[place] = other.mean[0], other.scale[0]

    def each(self, *inputs: Tensor) -> Tensor:
        (rows,) = inputs
        parts = zip(self.nets, self.mean, self.scale, strict=True)
        return torch.cat([net(self.shown((rows - mean) / scale)) for net, mean, scale in parts], dim=1)

    @abstractmethod
    def shown(self, z: Tensor) -> Tensor:
        """What a net sees of N x width standardised rows; in training every net sees noise of its own."""

"""VIB-Net: a variational bottleneck on CLIP's vector of a picture, and one linear layer behind it.

The baseline of ITEM's tables I and II. The widths are those of its public code; the bottleneck is that of Alemi et al.,
2017, https://arxiv.org/abs/1612.00410, and so is the weight of its KL term. The public code draws a code to judge too;
here a picture is judged by the mean, so that it always gets the same score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.embedding import EmbeddingDetector
from unprompt.detectors.options import Optimiser, PreprocessOptions, TrainedOptions
from unprompt.validation import Count, NotNegative, Positive, checked


@checked()
class VibnetOptions(TrainedOptions, PreprocessOptions):
    """As UnivFD's on the same vector (Adam, rate 1e-4, batch 256, 100 epochs): ITEM states none for it."""

    epochs: Count = 100
    rate: Positive = 1e-4
    weight_decay: NotNegative = 0.0
    optimiser: Optimiser = "adam"
    hidden: Count = 1024
    """Width of the two hidden layers."""
    code: Count = 256
    """Width of the bottleneck."""
    beta: NotNegative = 1e-3
    """Weight of the KL term, in nats a picture."""


class VibnetNetwork(nn.Module):
    """d -> 1024 -> 1024 -> mean and log variance of 256 -> 1."""

    def __init__(self, width: int, options: VibnetOptions) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, options.hidden), nn.Linear(options.hidden, options.hidden)
        self.code = nn.Linear(options.hidden, 2 * options.code)
        self.head = nn.Linear(options.code, 1)

    def encode(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """N x d -> means and log variances, N x code each."""
        mean, log_variance = self.code(F.relu(self.second(F.relu(self.first(vectors))))).chunk(2, dim=-1)
        return mean, log_variance

    def forward(self, vectors: Tensor) -> Tensor:
        """N x d -> N logits of the means."""
        return self.decide(self.encode(vectors)[0])

    def decide(self, code: Tensor) -> Tensor:
        """N x code -> N logits."""
        return cast(Tensor, self.head(code).squeeze(-1))


class VibnetDetector(EmbeddingDetector[VibnetOptions]):
    """Baseline VIB-Net: a variational bottleneck on CLIP's vector of the picture."""

    method = "vibnet"
    Options = VibnetOptions
    network: VibnetNetwork

    def loss(self, inputs: Sequence[Tensor], target: Tensor) -> Tensor:
        """Cross-entropy of a code that is drawn, + beta KL(N(mean, variance) || N(0, 1)), the mean over pictures."""
        mean, log_variance = self.network.encode(*inputs)
        code = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        cross = F.binary_cross_entropy_with_logits(self.network.decide(code).float(), target)
        divergence = (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=-1).mean() / 2
        return cross + self.options.beta * divergence.float()

    def _build(self) -> VibnetNetwork:
        return VibnetNetwork(self.suite.encoder.width, self.options)

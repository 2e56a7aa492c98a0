"""CLIP-Flow: how unlikely CLIP's vector of a picture is, under a flow that is fitted without generated pictures.

Yuan et al., 2025, https://arxiv.org/abs/2508.09477. Of its abstract are frozen CLIP, a flow, proxies (natural pictures
with a modified spectrum), and a training that makes their likelihood small and, optionally, that of natural pictures
great. No more of it was at hand, so the rest is ours: how proxies are made (``evidence/proxy.py``), RealNVP's affine
couplings (https://arxiv.org/abs/1605.08803), sizes, bounded loss, schedule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.base import Detector
from unprompt.detectors.checkpoint import Header
from unprompt.detectors.embedding import stacked
from unprompt.detectors.ensemble import STILL
from unprompt.detectors.options import Keep, TrainedOptions
from unprompt.errors import DataError
from unprompt.evidence.embedding import EmbeddingEvidence, EmbeddingExtractor
from unprompt.validation import Count, NotNegative, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite

BOUND: Final = 2.0
"""Of the factors' logarithms."""


@checked()
class ClipFlowOptions(TrainedOptions):
    """The last epoch is kept, since a choice by validation would see generated pictures."""

    keep: Keep = "last"
    blocks: Count = 8
    """Affine couplings."""
    hidden: Count = 512
    """Width of the hidden layer in each."""
    natural: NotNegative = 1.0
    """Weight of real pictures' negative log-likelihood, in nats a feature."""


class Coupling(nn.Module):
    """(a, b) -> (a, b exp(s(a)) + t(a)), then odd places before even ones; abs(s) < BOUND."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width // 2, hidden), nn.Linear(hidden, 2 * (width - width // 2))
        nn.init.normal_(self.second.weight, 0.0, 0.01)  # begins near the identity

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """N x d -> N x d, and N log-determinants."""
        a, b = x.tensor_split([self.first.in_features], dim=1)
        raw, shift = self.second(F.relu(self.first(a))).chunk(2, dim=1)
        scale = BOUND * torch.tanh(raw / BOUND)
        y = torch.cat([a, b * scale.exp() + shift], dim=1)
        return torch.cat([y[:, 1::2], y[:, ::2]], dim=1), scale.sum(dim=1)


class ClipFlowNetwork(nn.Module):
    """Couplings on the standardised vector."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, options: ClipFlowOptions) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(width, options.hidden) for _ in range(options.blocks))
        self.line = nn.Parameter(torch.zeros(2))  # logarithm of the slope, and bias
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """N x d standardised -> N x d, whose density is the standard Gaussian's, and N log-determinants."""
        determinant = x.new_zeros(len(x))
        for coupling in self.couplings:
            x, added = coupling(x)
            determinant = determinant + added
        return x, determinant

    def surprise(self, vectors: Tensor) -> Tensor:
        """N x d -> N: -log p(x) / d - log(2 pi e) / 2 of the standardised vector x; a standard Gaussian's mean is 0."""
        z, determinant = self.latent((vectors - self.mean) / self.scale)
        return ((z.square() - 1).sum(dim=1) / 2 - determinant) / z.shape[1]

    def judge(self, surprise: Tensor) -> Tensor:
        """N -> N logits, at first in deviations of a standard Gaussian's log p(x)."""
        return self.line[0].exp() * math.sqrt(2 * len(self.mean)) * surprise + self.line[1]

    def forward(self, vectors: Tensor, proxies: Tensor | None = None) -> Tensor:
        """N logits; proxies are for the loss alone."""
        return self.judge(self.surprise(vectors))


class ClipFlowDetector(Detector[EmbeddingEvidence, ClipFlowOptions]):
    """Baseline CLIP-Flow: a normalising flow on CLIP's vector, fitted to real pictures and their proxies."""

    method = "clip-flow"
    Options = ClipFlowOptions
    Evidence = EmbeddingEvidence
    roles: ClassVar[tuple[str, ...]] = ("encoder",)
    cacheable_features = True
    network: ClipFlowNetwork

    @classmethod
    def evidence_of(cls, options: ClipFlowOptions) -> EmbeddingExtractor:
        return EmbeddingExtractor(cls.method, proxies=True)

    @classmethod
    def _from_header(cls, header: Header, path: Path, suite: Suite) -> Self:
        model = super()._from_header(header, path, suite)
        model.extractor = EmbeddingExtractor(cls.method)  # inference needs no proxies
        return model

    def prepare_fit(self, evidence: Sequence[EmbeddingEvidence]) -> None:
        """Standardise by all pictures; :class:`DataError` for one without a proxy."""
        vectors, *proxies = self.collate(evidence)
        if not proxies:
            index = [one.proxy is None for one in evidence].index(True)
            raise DataError(f"evidence[{index}] has no proxy, expected one to learn from: unprompt extract clip-flow")
        spread = vectors.std(dim=0, correction=0)
        self.network.mean.copy_(vectors.mean(dim=0))
        self.network.scale.copy_(torch.where(spread > STILL, spread, 1.0))

    def loss(self, inputs: Sequence[Tensor], target: Tensor) -> Tensor:
        """Mean over pictures of BCE(x, 0) + BCE(proxy, 1) + natural * surprise(x); a generated picture adds 0."""
        real, proxies = self.network.surprise(torch.cat(list(inputs))).float().chunk(2)
        contrast = F.softplus(self.network.judge(real)) + F.softplus(-self.network.judge(proxies))
        return ((1 - target) * (contrast + self.options.natural * real)).mean()

    def _build(self) -> ClipFlowNetwork:
        return ClipFlowNetwork(self.suite.encoder.width, self.options)

    def collate(
        self, evidence: Sequence[EmbeddingEvidence], rng: np.random.Generator | None = None
    ) -> tuple[Tensor, ...]:
        """N x d vectors, and where each picture has one N x d of the proxies."""
        images, proxies = stacked(evidence), [one.proxy for one in evidence if one.proxy is not None]
        return (images, torch.from_numpy(np.stack(proxies))) if len(proxies) == len(images) else (images,)

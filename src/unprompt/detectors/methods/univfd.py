"""UnivFD: CLIP's vector of a picture, never trained for this, and a linear layer or the nearest neighbour on it.

Ojha et al., 2023, https://arxiv.org/abs/2302.10174. The paper's encoder is CLIP ViT-L/14.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.closed_form import ClosedForm
from unprompt.detectors.embedding import EmbeddingDetector, stacked
from unprompt.detectors.heads import LinearHead
from unprompt.detectors.labels import labelled
from unprompt.detectors.options import Optimiser, PreprocessOptions, TrainedOptions
from unprompt.detectors.public import PublicHead
from unprompt.detectors.towers import check_preprocess
from unprompt.evidence.embedding import EmbeddingEvidence, EmbeddingExtractor
from unprompt.validation import Count, NotNegative, Positive, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite


@checked()
class UnivfdOptions(TrainedOptions, PreprocessOptions):
    """Adam, rate 1e-4, batch 256, no weight decay, at most 100 epochs: the authors' code."""

    epochs: Count = 100
    rate: Positive = 1e-4
    weight_decay: NotNegative = 0.0
    optimiser: Optimiser = "adam"


class UnivfdDetector(EmbeddingDetector[UnivfdOptions], PublicHead):
    """Baseline UnivFD: a linear layer on CLIP's vector of the picture."""

    method = "univfd"
    Options = UnivfdOptions

    def _build(self) -> LinearHead:
        head = LinearHead(self.suite.encoder.width)
        nn.init.normal_(head.linear.weight, 0.0, 0.02)  # as the authors begin
        return head

    @classmethod
    def public_options(cls) -> UnivfdOptions:
        return cls.Options()

    @classmethod
    def public_weights(cls, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``weight``, 1 x 768, and ``bias``; some copies put ``fc.`` before."""
        return {f"linear.{name.removeprefix('fc.')}": tensor for name, tensor in tensors.items()}


@checked()
class NearestOptions(PreprocessOptions):
    """One neighbour, cosine distance."""

    real: Count = 1
    """Vectors of real pictures that are kept; fitting sets it."""
    generated: Count = 1
    """Vectors of generated pictures that are kept; fitting sets it."""


class Bank(nn.Module):
    """The training pictures' vectors, of length 1; the logit is how much nearer the nearest generated one lies."""

    def __init__(self, options: NearestOptions, width: int) -> None:
        super().__init__()
        self.real = nn.Parameter(torch.zeros(options.real, width))
        self.generated = nn.Parameter(torch.zeros(options.generated, width))

    def forward(self, vectors: Tensor) -> Tensor:
        """N x d -> N: min over real of d(x, r) - min over generated of d(x, g), d = 1 - cos; in [-2, 2]."""
        unit = F.normalize(vectors, dim=1)
        return (unit @ self.generated.T).amax(1) - (unit @ self.real.T).amax(1)


class NearestDetector(ClosedForm[EmbeddingEvidence, NearestOptions]):
    """Baseline UnivFD by its nearest neighbour: whose training picture is closest to CLIP's vector."""

    method = "univfd-nn"
    Options = NearestOptions
    Evidence = EmbeddingEvidence
    roles: ClassVar[tuple[str, ...]] = ("encoder",)
    network: Bank

    @classmethod
    def evidence_of(cls, options: NearestOptions) -> EmbeddingExtractor:
        return EmbeddingExtractor(cls.method, options.preprocess)

    @classmethod
    def check_head(cls, suite: Suite, options: NearestOptions) -> None:
        check_preprocess(suite.encoder, options.preprocess)

    def solve(self, evidence: Sequence[EmbeddingEvidence], labels: npt.ArrayLike) -> None:
        self.check(evidence)
        generated = labelled(len(evidence), labels)
        vectors = F.normalize(stacked(evidence), dim=1)
        self.options = replace(self.options, real=int((~generated).sum()), generated=int(generated.sum()))
        self.network = self._build().to(self.device).eval()
        with torch.no_grad():
            self.network.real.copy_(vectors[~generated])
            self.network.generated.copy_(vectors[generated])

    def _build(self) -> Bank:
        return Bank(self.options, self.suite.encoder.width)

    def collate(
        self, evidence: Sequence[EmbeddingEvidence], rng: np.random.Generator | None = None
    ) -> tuple[Tensor, ...]:
        return (stacked(evidence),)

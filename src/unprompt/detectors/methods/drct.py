"""DRCT: contrastive training in which the reconstruction of every picture, real or generated, is a hard fake.

Chen et al., 2024, https://proceedings.mlr.press/v235/chen24ay.html.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self, TypeAlias, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.base import Detector
from unprompt.detectors.checkpoint import Header
from unprompt.detectors.geometry import cut
from unprompt.detectors.options import CropOptions, PreprocessOptions
from unprompt.detectors.towers import as_pixels, copied, require_vision_tower
from unprompt.errors import DataError
from unprompt.evidence.drct import DrctEvidence, DrctExtractor
from unprompt.perturbations import Augmentation
from unprompt.types import RGB
from unprompt.validation import Count, NotNegative, Number, Positive, Share, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite

Features: TypeAlias = Literal["clip", "backbone"]
ODDS: Final = math.log(3)
"""Of as many real as generated pictures, three in four are fake once all reconstructions are among them."""


@checked()
class DrctOptions(CropOptions, PreprocessOptions):
    """AdamW, rate 1e-4, weight decay 4e-5, batch 256 (64 with a backbone), 17 epochs: the authors' code.

    Under ``preprocess=crop`` picture and reconstruction are each cut at their own native size.
    """

    epochs: Count = 17
    rate: Positive = 1e-4
    weight_decay: NotNegative = 4e-5
    features: Features = "clip"
    """Features: the suite's encoder, frozen (the paper: CLIP ViT-L/14), or its backbone, learned (ConvNeXt-B)."""
    embedding: Count = 1024
    """Width of the space in which the classes are pulled apart."""
    alpha: Share = 0.3
    """Share of the contrastive loss in [0, 1]; the rest is cross-entropy."""
    margin: Annotated[Number, Field(gt=0, le=2, description="a distance above 0, up to 2")] = 1.0
    """Distance that real and generated are to have, of embeddings of length 1, in (0, 2]."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """What training pictures and reconstructions go through, each by itself."""


def contrastive(features: Tensor, target: Tensor, margin: float) -> Tensor:
    """Pairs of one class drawn together, pairs of two pushed ``margin`` apart: N x d and N -> a number.

    With d_ij the distance of the directions of two features: the mean of d_ij over the pairs of one class, plus the
    mean of max(0, margin - d_ij) over the pairs of two; in each mean only what is above 0 counts.
    """
    unit = F.normalize(features, dim=1)
    first, second = torch.triu_indices(len(unit), len(unit), 1, device=unit.device)
    apart = (unit[first] - unit[second]).norm(dim=1)
    alike = target[first] == target[second]
    return _mean_above_zero(apart[alike]) + _mean_above_zero(F.relu(margin - apart[~alike]))


def _mean_above_zero(terms: Tensor) -> Tensor:
    return terms.sum() / (terms > 0).sum().clamp(min=1)


class DrctNetwork(nn.Module):
    """Features -> embedding -> (real, generated), without a nonlinearity between, as in the authors' code."""

    mean: Tensor
    std: Tensor

    def __init__(self, suite: Suite, options: DrctOptions) -> None:
        super().__init__()
        self.backbone: nn.Module | None = None
        width = suite.encoder.width if options.features == "clip" else suite.backbone.width
        if options.features == "backbone":
            self.backbone = copied(suite.backbone.model)
            for name in ("mean", "std"):
                self.register_buffer(name, torch.tensor(getattr(suite.backbone, name)).view(3, 1, 1), persistent=False)
        self.embedding = nn.Linear(width, options.embedding)
        self.head = nn.Linear(options.embedding, 2)

    def embed(self, inputs: Tensor) -> Tensor:
        """N x width vectors of the encoder, or N x 3 x S x S uint8 for a backbone -> N x embedding."""
        if self.backbone is not None:
            inputs = self.backbone((inputs.contiguous().float() / 255 - self.mean) / self.std).pooler_output.flatten(1)
        return cast(Tensor, self.embedding(inputs))

    def classify(self, features: Tensor) -> Tensor:
        """N x embedding -> N logits."""
        real, generated = self.head(features).unbind(-1)
        return cast(Tensor, generated - real)

    def forward(self, inputs: Tensor, reconstructed: Tensor | None = None) -> Tensor:
        """N logits of the pictures; their reconstructions are for the loss alone."""
        return self.classify(self.embed(inputs))


class DrctDetector(Detector[DrctEvidence, DrctOptions]):
    """Baseline DRCT: CLIP or a backbone, trained with reconstructions as hard fakes."""

    method = "drct"
    Options = DrctOptions
    Evidence = DrctEvidence
    roles: ClassVar[tuple[str, ...]] = ("encoder",)
    network: DrctNetwork

    @classmethod
    def sized_options(cls, suite: Suite) -> DrctOptions:
        """The paper's for an encoder of 224 pixels; for another one the same shares."""
        side = require_vision_tower(suite.of(cls.method).encoder).side
        return DrctOptions(resize=round(side * 256 / 224), crop=side)

    @classmethod
    def evidence_of(cls, options: DrctOptions) -> DrctExtractor:
        return DrctExtractor()

    @classmethod
    def _from_header(cls, header: Header, path: Path, suite: Suite) -> Self:
        model = super()._from_header(header, path, suite)
        model.extractor = DrctExtractor(reconstructed=False)  # inference needs none
        return model

    @classmethod
    def head_roles(cls, options: DrctOptions) -> Sequence[str]:
        """The encoder or the backbone."""
        return ("encoder" if options.features == "clip" else "backbone",)

    def instruments(self) -> dict[str, str]:
        """Those of the head: no score depends on the diffusion, which made pictures to learn from."""
        return {role: self.suite.card(role).digest for role in self.head_roles(self.options)}

    def loss(self, inputs: Sequence[Tensor], target: Tensor) -> Tensor:
        """(1 - alpha) cross-entropy + alpha contrastive, over pictures and their reconstructions, which are fake."""
        features = self.network.embed(torch.cat(list(inputs)))
        labels = torch.cat([target, *(torch.ones_like(target) for _ in inputs[1:])])
        # The logit stays that of prior 0.5, by which validation chooses the epoch: this moves the last bias alone.
        cross = F.binary_cross_entropy_with_logits(self.network.classify(features).float() + ODDS, labels)
        alpha = self.options.alpha
        return (1 - alpha) * cross + alpha * contrastive(features.float(), labels, self.options.margin)

    def _build(self) -> DrctNetwork:
        return DrctNetwork(self.suite, self.options)

    def collate(self, evidence: Sequence[DrctEvidence], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        if rng is None:
            policy = self.options.preprocess
            return (self._inputs([cut(one.picture, self.options, policy) for one in evidence]),)
        for index, one in enumerate(evidence):
            if one.reconstruction is None:
                raise DataError(
                    f"evidence[{index}] has no reconstruction, expected one to learn from: unprompt extract drct"
                )
        pictures = [self._augmented(one.picture, rng) for one in evidence]
        hard = [self._augmented(cast(RGB, one.reconstruction), rng) for one in evidence]
        return self._inputs(pictures), self._inputs(hard)

    def _augmented(self, rgb: RGB, rng: np.random.Generator) -> RGB:
        sample = self.options.augmentation.draw(rng)
        seen = cut(rgb, self.options, self.options.preprocess, sample)
        return sample.shared(sample.photometric(seen, sample.seed), sample.seed)

    def _inputs(self, squares: Sequence[RGB]) -> Tensor:
        if self.options.features == "backbone":
            return as_pixels(squares)
        return torch.from_numpy(self.suite.encoder.embed_pictures(squares))

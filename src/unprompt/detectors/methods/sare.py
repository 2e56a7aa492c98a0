"""SARE: cross-attention of the picture (query) to the map of its reconstruction error (keys, values; section 3.3).

The query is the pooled image feature; keys and values are the grid cells of the semantic encoder's last
stage. With a single cell the softmax over one key would be 1 whatever the query.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn

from unprompt.detectors.base import Detector
from unprompt.detectors.geometry import cut
from unprompt.detectors.heads import CrossAttention
from unprompt.detectors.options import CropOptions, PreprocessOptions
from unprompt.detectors.resnet import CELLS, ResNetSizes
from unprompt.detectors.towers import ImageTower, as_pixels, copied, require_vision_tower
from unprompt.detectors.trunk import require_resnet
from unprompt.errors import DataError, OptionError
from unprompt.evidence.sare import SareEvidence, SareExtractor
from unprompt.perturbations import Augmentation, AugmentationSample
from unprompt.types import RGB
from unprompt.validation import Count, Flag, NotNegative, Positive, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite

EncoderState: TypeAlias = Literal["tuned", "frozen"]
SemanticWeights: TypeAlias = Literal["none", "imagenet"]


@checked()
class SareOptions(CropOptions, PreprocessOptions):
    """AdamW, rate 1e-4, batch 512, 17 epochs (section 4.1); CLIP's rate, residual and heads are ours.

    Under ``preprocess=crop`` the picture is cut at its native size and the map, which the diffusion model made of the
    whole picture, is resized as ever, so that the picture shows a part of what the map shows.
    """

    epochs: Count = 17
    batch: Count = 512
    rate: Positive = 1e-4
    """Learning rate of all but the image encoder."""
    weight_decay: NotNegative = 1e-2
    encoder: EncoderState = "tuned"
    """The paper leaves it open: tuned = the image encoder is learned, at a rate of its own; frozen = it stays as the
    suite has it, as in DRCT, the paper's backbone."""
    encoder_rate: Positive = 1e-5
    """Learning rate of a tuned image encoder."""
    heads: Count = 8
    """Heads of the cross-attention."""
    residual: Flag = True
    """Add the image feature to the attention; as printed (False) it enters through the query alone."""
    semantic_weights: SemanticWeights = "none"
    """The paper leaves it open: none = the semantic encoder starts from nothing; imagenet = from a copy of the suite's
    backbone, with its sizes and its normalisation."""
    semantic: ResNetSizes = field(default_factory=ResNetSizes)
    """Sizes of a semantic encoder that starts from nothing."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """What training pictures and their maps go through (section 4.1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        remedy = f"give the semantic encoder fewer than {len(self.semantic.hidden)} stages"
        if self.semantic_weights == "none":
            self.check_grid(self.semantic.grid(self.crop), remedy)

    def check_grid(self, cells: int, remedy: str) -> None:
        """:class:`OptionError` for too few cells a side of the semantic encoder's last stage."""
        if cells < CELLS:
            raise OptionError(
                f"--crop {self.crop} leaves {cells} x {cells} cells for the attention, expected {CELLS} x {CELLS} or "
                f"more: {remedy}"
            )

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        # An older head had no other augmentation than crop and mirror.
        return super().from_dict({"augmentation": Augmentation.plain(), **stored})


class SareNetwork(nn.Module):
    """f_x = E_x(x), f_s = E_s(s), LayerNorm(f_x + CrossAttn(f_x, f_s, f_s)), linear -> 1 (eq. 5 and 6)."""

    mean: Tensor
    std: Tensor

    def __init__(self, suite: Suite, options: SareOptions) -> None:
        super().__init__()
        self.residual = options.residual
        self.tower = tower = ImageTower(suite.encoder, learned=options.encoder == "tuned")
        self.semantic, mean, std = _semantic(suite, options)
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)
        self.attention = CrossAttention(tower.width, self.semantic.config.hidden_sizes[-1], options.heads)
        self.norm = nn.LayerNorm(tower.width)
        self.head = nn.Linear(tower.width, 1)

    def forward(self, picture: Tensor, sare_map: Tensor) -> Tensor:
        """Two N x 3 x S x S uint8 -> N logits; the map counts in steps of 1/255."""
        image = self.tower(picture)  # N x d
        normalised = (sare_map.contiguous().float() / 255 - self.mean) / self.std
        cells = self.semantic(normalised).last_hidden_state  # N x d_s x 7 x 7
        attended = self.attention(image, cells.flatten(2).transpose(1, 2))
        fused = self.norm(image + attended if self.residual else attended)
        return cast(Tensor, self.head(fused).squeeze(-1))


def _semantic(suite: Suite, options: SareOptions) -> tuple[Any, Sequence[float], Sequence[float]]:
    """The semantic encoder, and the mean and deviation by which a map is normalised for it."""
    if options.semantic_weights == "none":
        return options.semantic.build(), (0.0,) * 3, (1.0,) * 3
    source = require_resnet(suite)
    return copied(source.model), source.mean, source.std


class SareDetector(Detector[SareEvidence, SareOptions]):
    """SARE: what a reconstruction guided by the caption changes, fused with the picture by cross-attention.

    A tuned CLIP image encoder gives the query, a residual network on |x - x_hat| keys and values (section 3).
    """

    method = "sare"
    Options = SareOptions
    Evidence = SareEvidence
    roles: ClassVar[tuple[str, ...]] = ("encoder",)
    network: SareNetwork

    @classmethod
    def sized_options(cls, suite: Suite) -> SareOptions:
        """The paper's for 224 pixels; for another encoder the same shares and a semantic encoder with a grid."""
        side = require_vision_tower(suite.of(cls.method).encoder).side
        semantic = ResNetSizes() if ResNetSizes().grid(side) >= CELLS else ResNetSizes.small(side)
        return SareOptions(resize=round(side * 256 / 224), crop=side, semantic=semantic)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """A tuned image encoder at its own, lower rate."""
        tower = list(self.network.tower.parameters())
        own = {id(weight) for weight in tower}
        others = [{"params": [weight for weight in self.network.parameters() if id(weight) not in own]}]
        if self.options.encoder == "frozen":
            return others
        return [{"params": tower, "lr": self.options.encoder_rate}, *others]

    @classmethod
    def evidence_of(cls, options: SareOptions) -> SareExtractor:
        return SareExtractor(native=options.preprocess == "crop")

    @classmethod
    def head_roles(cls, options: SareOptions) -> Sequence[str]:
        """The encoder, and the backbone where the semantic encoder starts from it."""
        return cls.roles if options.semantic_weights == "none" else (*cls.roles, "backbone")

    @classmethod
    def check_head(cls, suite: Suite, options: SareOptions) -> None:
        side = require_vision_tower(suite.encoder).side
        if side != options.crop:
            raise OptionError(f"--crop is {options.crop}, this suite's encoder takes pictures of {side} pixels")
        if options.semantic_weights == "imagenet":
            cells = math.ceil(options.crop / require_resnet(suite).stride)
            options.check_grid(cells, "name a backbone of fewer stages, or take semantic_weights=none")

    def _build(self) -> SareNetwork:
        self.check_head(self.suite, self.options)
        return SareNetwork(self.suite, self.options)

    def collate(self, evidence: Sequence[SareEvidence], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        pairs = [self._pair(one, rng) for one in evidence]
        return as_pixels([picture for picture, _ in pairs]), as_pixels([sare_map for _, sare_map in pairs])

    def _pair(self, one: SareEvidence, rng: np.random.Generator | None) -> tuple[RGB, RGB]:
        sample = self.options.augmentation.draw(rng) if rng else AugmentationSample()
        native = one.native if self.options.preprocess == "crop" else one.picture
        if native is None:
            raise DataError(
                f"the evidence has no picture at its native size, sare with preprocess {self.options.preprocess!r} "
                "expects one: make it with SareExtractor(native=True)"
            )
        picture = cut(native, self.options, self.options.preprocess, sample)
        return sample.apply(picture, cut(one.difference, self.options, "resize", sample))

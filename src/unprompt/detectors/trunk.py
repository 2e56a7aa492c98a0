"""What the convolutional baselines share: where their network comes from, how a picture is cut, how it is changed.

A trunk that the paper takes from ImageNet is the suite's ``backbone``. A suite without one, as the embedded one,
trains from scratch: the option ``backbone`` records it in the checkpoint.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.geometry import window
from unprompt.detectors.options import CropOptions, Optimiser
from unprompt.detectors.resnet import ResNetSizes
from unprompt.detectors.towers import as_pixels, copied
from unprompt.errors import SuiteError
from unprompt.evidence.pixels import PixelEvidence, PixelExtractor
from unprompt.instruments.backbones import IMAGENET_MEAN, IMAGENET_STD, ResNetBackbone, from_torchvision
from unprompt.instruments.base import Backbone
from unprompt.perturbations import Augmentation
from unprompt.types import RGB
from unprompt.validation import Count, NotNegative, Positive, checked

if TYPE_CHECKING:
    from unprompt.instruments import Manifest, Suite

Source: TypeAlias = Literal["suite", "scratch", "imported"]
View: TypeAlias = Literal["crop", "square", "whole"]
E = TypeVar("E")
B = TypeVar("B", bound=Backbone)
SMALL: Final = 112
"""A suite whose pictures are smaller gets a small network."""


@checked()
class TrunkOptions(CropOptions):
    """Adam, rate 1e-4, batch 64, crops of 224 out of 256: CNNDet's, whose code the others took over."""

    epochs: Count = 20
    batch: Count = 64
    rate: Positive = 1e-4
    weight_decay: NotNegative = 0.0
    optimiser: Optimiser = "adam"
    view: View = "crop"
    """What is judged: the central crop, the central square that it is cut from, or the whole picture as it is."""
    backbone: Source = "suite"
    """Weights that the training starts from: the suite's backbone (ImageNet's), none (scratch), or a public head's."""
    trunk: ResNetSizes = field(default_factory=ResNetSizes)
    """Sizes of the network, where it is not a copy of the suite's backbone."""
    augmentation: Augmentation = field(default_factory=Augmentation.plain)
    """What training pictures go through."""


def require_resnet(suite: Suite) -> ResNetBackbone:
    """The suite's backbone as one method sees it, known to be a residual network; :class:`SuiteError` otherwise."""
    return require_backbone(suite, ResNetBackbone, "resnet")


def require_backbone(suite: Suite, kind: type[B], name: str) -> B:
    """As :func:`require_resnet`, for the kind that a suite's file calls ``name``."""
    backbone = suite.backbone
    if not isinstance(backbone, kind):
        raise SuiteError(
            f"the suite's backbone is {backbone!r}, {suite.method} expects a {kind.__name__}: "
            f'give [methods.{suite.method}.instruments.backbone] class = "{name}"'
        )
    return backbone


class Trunk(nn.Module):
    """A network with its normalisation, by default a residual one; N x 3 x H x W uint8 in, features out."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, suite: Suite, options: TrunkOptions, kind: type[Backbone] = ResNetBackbone, name: str = "resnet"
    ) -> None:
        super().__init__()
        mean: Sequence[float] = IMAGENET_MEAN
        std: Sequence[float] = IMAGENET_STD
        if options.backbone == "suite":
            source = require_backbone(suite, kind, name)
            self.net, mean, std = cast(Any, copied(source.model)), source.mean, source.std
            self.width = source.width
        else:
            self.net, self.width = options.trunk.build(), options.trunk.width
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def normalised(self, pixels: Tensor) -> Tensor:
        """(x / 255 - mean) / std."""
        # With the channels last in memory the gradient of a convolution of 8 channels crashes in torch 2.13 on a CPU.
        return (pixels.contiguous().float() / 255 - self.mean) / self.std

    def forward(self, pixels: Tensor) -> Tensor:
        """N x width, the mean over the last stage."""
        return cast(Tensor, self.net(self.normalised(pixels)).pooler_output.flatten(1))


class TrunkClassifier(nn.Module):
    """A trunk and one logit."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.width, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """N x 3 x H x W uint8 -> N logits."""
        return cast(Tensor, self.head(self.trunk(pixels)).squeeze(-1))


def trunk_weights(tensors: Mapping[str, Tensor], head: str) -> dict[str, Tensor]:
    """A ResNet by torchvision's names, with its last layer called ``head``, by those of :class:`TrunkClassifier`."""
    own, last = {}, f"{head}."
    for name, tensor in from_torchvision(tensors).items():
        own[f"head.{name.removeprefix(last)}" if name.startswith(last) else f"trunk.net.{name}"] = tensor
    return own


class PictureDetector(Detector[E, TrunkOptions]):
    """A convolutional network on one picture of the evidence; a subclass says on which."""

    Options: ClassVar[type[TrunkOptions]] = TrunkOptions
    roles: ClassVar[tuple[str, ...]] = ("backbone",)
    pretrained: ClassVar[bool] = True
    """The paper starts from ImageNet's weights."""
    sizes: ClassVar[ResNetSizes] = ResNetSizes()
    """The paper's network."""

    @classmethod
    def options_for(cls, manifest: Manifest) -> TrunkOptions:
        pretrained = cls.pretrained and "backbone" in manifest.instruments_of(cls.method)
        return cls.Options(backbone="suite" if pretrained else "scratch", trunk=cls.sizes)

    @classmethod
    def sized_options(cls, suite: Suite) -> TrunkOptions:
        """The paper's; where the suite's pictures are small, the same shares of them, and a small network."""
        options, side = cls.options_for(suite.manifest), cls.picture_side(suite)
        if side is None or side >= SMALL:
            return options
        crop = round(side * options.crop / options.resize)
        return options.override({"resize": side, "crop": crop, "trunk": cls.reduced(side)})

    @classmethod
    def reduced(cls, side: int) -> ResNetSizes:
        """The network for pictures of ``side`` pixels, under 112."""
        return ResNetSizes.small(side)

    @classmethod
    def head_roles(cls, options: TrunkOptions) -> Sequence[str]:
        """Without the backbone, where the network does not come from it."""
        return cls.roles if options.backbone == "suite" else ()

    @classmethod
    def check_head(cls, suite: Suite, options: TrunkOptions) -> None:
        if options.backbone == "suite":
            require_resnet(suite)

    def _build(self) -> nn.Module:
        return TrunkClassifier(Trunk(self.suite, self.options))

    @abstractmethod
    def picture(self, evidence: E) -> RGB:
        """What the network is given, before it is cut."""

    def collate(self, evidence: Sequence[E], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        side = self.options.resize if self.options.view == "square" and rng is None else self.options.crop
        rgbs = [self.picture(one) for one in evidence]
        if rng is None:
            return (as_pixels([window(rgb, self.options.resize, side) for rgb in rgbs]),)
        return (as_pixels([self._augmented(rgb, rng) for rgb in rgbs]),)

    def _augmented(self, rgb: RGB, rng: np.random.Generator) -> RGB:
        """Blur, JPEG and the like before the crop, as CNNDet has them; then the crop, and what moves its geometry."""
        sample, crop = self.options.augmentation.draw(rng), self.options.crop
        short = max(1, round(self.options.resize * sample.scale))
        square = sample.photometric(window(rgb, short, short, sample.place), sample.seed)
        return sample.shared(window(square, short, crop, sample.place, sample.mirrored), sample.seed)

    def logits(self, evidence: Sequence[E]) -> Floats:
        if self.options.view != "whole":
            return super().logits(evidence)
        self.check(evidence)
        return self.answers((as_pixels([self.picture(one)]),) for one in evidence)  # each has a size of its own


class PixelDetector(PictureDetector[PixelEvidence]):
    """A convolutional network on the picture itself."""

    Evidence = PixelEvidence

    @classmethod
    def evidence_of(cls, options: TrunkOptions) -> PixelExtractor:
        return PixelExtractor(cls.method)

    def picture(self, evidence: PixelEvidence) -> RGB:
        return evidence.picture

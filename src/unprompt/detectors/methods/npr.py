"""NPR: what neighbouring pixels have in common after an upsampling, left over by a nearest-neighbour copy.

Tan et al., 2024, https://arxiv.org/abs/2312.10461.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

from torch import Tensor, nn

from unprompt.detectors.npr_residual import residual
from unprompt.detectors.public import PublicHead
from unprompt.detectors.resnet import ResNetSizes
from unprompt.detectors.trunk import PixelDetector, Source, Trunk, TrunkClassifier, TrunkOptions, View, trunk_weights
from unprompt.errors import OptionError
from unprompt.validation import Count, Positive, checked

GAIN = 2 / 3
"""What the authors' code multiplies the residual with."""


@checked()
class NprOptions(TrunkOptions):
    """Adam, rate 2e-4, batch 32, 50 epochs, no augmentation but crop and mirror: the authors' code."""

    epochs: Count = 50
    batch: Count = 32
    rate: Positive = 2e-4
    view: View = "square"
    """What is judged: the central square, resized as in training and not cropped."""
    backbone: Source = "scratch"
    """Weights that the training starts from: none, as in the paper, or a public head's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backbone == "suite":
            raise OptionError("--backbone is 'suite', expected scratch: npr's stem of 3 x 3 has no pretrained weights")


class NprNetwork(TrunkClassifier):
    """The first two stages of a ResNet-50, behind a 3 x 3 stem, on the residual of the normalised picture."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__(trunk)
        stem = trunk.net.embedder.embedder
        stem.convolution = nn.Conv2d(3, stem.convolution.out_channels, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(stem.convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pixels: Tensor) -> Tensor:
        pooled = self.trunk.net(GAIN * residual(self.trunk.normalised(pixels))).pooler_output
        return cast(Tensor, self.head(pooled.flatten(1)).squeeze(-1))


class NprDetector(PixelDetector, PublicHead):
    """Baseline NPR: a short ResNet on the difference of neighbouring pixels."""

    method = "npr"
    Options: ClassVar[type[TrunkOptions]] = NprOptions
    pretrained = False
    sizes = ResNetSizes(hidden=(256, 512), depths=(3, 4))

    @classmethod
    def reduced(cls, side: int) -> ResNetSizes:
        """The paper's: it is small enough, and never sees more than a few pixels at once."""
        return cls.sizes

    def _build(self) -> NprNetwork:
        return NprNetwork(Trunk(self.suite, self.options))

    @classmethod
    def public_options(cls) -> TrunkOptions:
        return cls.Options(backbone="imported", trunk=cls.sizes)

    @classmethod
    def public_weights(cls, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """torchvision's names and ``fc1``, 512 -> 1; a ``fc`` that the authors' training leaves unused is dropped."""
        used = {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}
        return trunk_weights(used, head="fc1")

"""SARE's and DRCT's plain baseline Conv-B: a ConvNeXt-B from ImageNet, and nothing else.

Liu et al., 2022, https://arxiv.org/abs/2201.03545; as a detector: Chen et al., 2024, PMLR 235, 7621.
"""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from transformers import ConvNextConfig, ConvNextModel

from unprompt.detectors.methods.resnet50 import ResNet50Options
from unprompt.detectors.plain import PlainDetector
from unprompt.detectors.resnet import small_stages
from unprompt.detectors.trunk import TrunkOptions
from unprompt.instruments.backbones import ConvNextBackbone
from unprompt.validation import Count, checked


@checked("ConvNeXt ")
class ConvNextSizes:
    """Sizes of the network; the defaults are ConvNeXt-B's."""

    hidden: tuple[Count, ...] = (128, 256, 512, 1024)
    depths: tuple[Count, ...] = (3, 3, 27, 3)

    @property
    def width(self) -> int:
        """Features that it answers."""
        return self.hidden[-1]

    def build(self) -> ConvNextModel:
        """The network, from nothing."""
        hidden, depths = list(self.hidden), list(self.depths)
        return ConvNextModel(ConvNextConfig(num_stages=len(hidden), hidden_sizes=hidden, depths=depths))


@checked()
class ConvNextOptions(ResNet50Options):
    """DRCT's code for ConvNeXt: AdamW, rate 1e-4, weight decay 4e-5, batch 64, 17 epochs, crop 224."""

    trunk: ConvNextSizes = field(default_factory=ConvNextSizes)  # type: ignore[assignment]  # another network's sizes


class ConvNextDetector(PlainDetector):
    """Baseline: a plain ConvNeXt-B on the pixels."""

    method = "convnext"
    Options: ClassVar[type[TrunkOptions]] = ConvNextOptions

    kind = "convnext"
    backbone = ConvNextBackbone

    @staticmethod
    def small(side: int) -> ConvNextSizes:
        stages = small_stages(side)
        return ConvNextSizes((32, 64, 128)[:stages], (1, 1, 1)[:stages])

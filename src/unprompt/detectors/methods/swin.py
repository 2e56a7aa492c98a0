"""The plain transformer of TIDY's and ITEM's tables: a Swin-B at 224 pixels from ImageNet, and nothing else.

Liu et al., 2021, https://arxiv.org/abs/2103.14030; as a detector: TIDY, section 4.1 (its tables say Swin-T).
"""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from transformers import SwinConfig, SwinModel

from unprompt.detectors.methods.resnet50 import ResNet50Options
from unprompt.detectors.plain import PlainDetector
from unprompt.detectors.resnet import small_stages
from unprompt.detectors.trunk import TrunkOptions
from unprompt.instruments.backbones import SwinBackbone
from unprompt.validation import Count, checked


@checked("Swin ")
class SwinSizes:
    """Sizes of the network; the defaults are Swin-B's."""

    embedding: Count = 128
    depths: tuple[Count, ...] = (2, 2, 18, 2)
    heads: tuple[Count, ...] = (4, 8, 16, 32)
    window: Count = 7

    @property
    def width(self) -> int:
        """Features that it answers: each stage after the first doubles them."""
        return self.embedding << (len(self.depths) - 1)

    def build(self) -> SwinModel:
        """The network, from nothing."""
        depths, heads = list(self.depths), list(self.heads)
        return SwinModel(SwinConfig(embed_dim=self.embedding, depths=depths, num_heads=heads, window_size=self.window))


@checked()
class SwinOptions(ResNet50Options):
    """As ``resnet50``, whose settings are DRCT's for plain networks: neither TIDY nor ITEM states any."""

    trunk: SwinSizes = field(default_factory=SwinSizes)  # type: ignore[assignment]  # another network's sizes


class SwinDetector(PlainDetector):
    """Baseline: a plain Swin-B on the pixels."""

    method = "swin"
    Options: ClassVar[type[TrunkOptions]] = SwinOptions

    kind = "swin"
    backbone = SwinBackbone

    @staticmethod
    def small(side: int) -> SwinSizes:
        stages = small_stages(side)
        return SwinSizes(24, (1, 1, 1)[:stages], (2, 4, 8)[:stages], window=4)

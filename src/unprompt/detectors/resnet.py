"""Residual networks by their sizes: He et al., 2015, https://arxiv.org/abs/1512.03385."""

from __future__ import annotations

import math
from typing import Final, Literal, Self

from transformers import ResNetConfig, ResNetModel

from unprompt.errors import OptionError
from unprompt.validation import Count, checked

CELLS: Final = 4
"""Least side of the grid that a small network leaves."""


def small_stages(side: int) -> int:
    """Stages, up to three, after which pictures of ``side`` pixels still leave a grid of some cells."""
    return min(3, max(1, (side // CELLS).bit_length() - 2))


@checked("residual network ")
class ResNetSizes:
    """Sizes of a residual network; the defaults are ResNet-50's."""

    embedding: int = 64
    hidden: tuple[Count, ...] = (256, 512, 1024, 2048)
    depths: tuple[Count, ...] = (3, 4, 6, 3)
    layer: Literal["basic", "bottleneck"] = "bottleneck"

    def __post_init__(self) -> None:
        if not self.hidden or len(self.hidden) != len(self.depths):
            raise OptionError(
                f"a residual network has widths {self.hidden} and depths {self.depths}, expected one of each a stage"
            )

    @property
    def width(self) -> int:
        """Features that it answers."""
        return self.hidden[-1]

    def grid(self, side: int) -> int:
        """Cells a side of the last stage: the stem divides by 4, each stage after the first by 2."""
        return math.ceil(side / (4 << (len(self.hidden) - 1)))

    @classmethod
    def resnet18(cls) -> Self:
        """Two basic blocks in each of four stages."""
        return cls(64, (64, 128, 256, 512), (2, 2, 2, 2), "basic")

    @classmethod
    def small(cls, side: int) -> Self:
        """For pictures under 112 pixels: as many of three small stages as leave the grid wide enough."""
        stages = small_stages(side)
        return cls(32, (32, 64, 128)[:stages], (1, 1, 1)[:stages], "basic")

    def build(self) -> ResNetModel:
        """The network, from nothing."""
        return ResNetModel(
            ResNetConfig(
                embedding_size=self.embedding,
                hidden_sizes=list(self.hidden),
                depths=list(self.depths),
                layer_type=self.layer,
            )
        )

"""CNNDet (CNNSpot): a ResNet-50 that blurred and recompressed training pictures keep from trusting fine detail.

Wang et al., 2020, https://arxiv.org/abs/1912.11035.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from torch import Tensor

from unprompt.detectors.public import PublicHead
from unprompt.detectors.trunk import PixelDetector, TrunkOptions, View, trunk_weights
from unprompt.perturbations import Augmentation
from unprompt.validation import checked


def blur_and_jpeg(chance: float) -> Augmentation:
    """Blur of sigma U[0, 3] and then JPEG of quality U{30 .. 100}, each with this chance; mirrored half the time."""
    return Augmentation(
        scale=0, rotate=0, noise=0, light=0, dropout=0, blur=chance, radii=(0.01, 3), jpeg=chance, qualities=(30, 100)
    )


@checked()
class CnndetOptions(TrunkOptions):
    """Adam, rate 1e-4, batch 64; Blur+JPEG(0.5), or (0.1) with other chances in ``augmentation``: the authors' code."""

    view: View = "whole"
    """What is judged: the picture as it is, without resizing or crop."""
    augmentation: Augmentation = field(default_factory=lambda: blur_and_jpeg(0.5))
    """What training pictures go through before the crop."""


class CnndetDetector(PixelDetector, PublicHead):
    """Baseline CNNDet: a ResNet-50 trained on blurred and recompressed pictures."""

    method = "cnndet"
    Options: ClassVar[type[TrunkOptions]] = CnndetOptions

    @classmethod
    def public_options(cls) -> TrunkOptions:
        return cls.Options(backbone="imported")

    @classmethod
    def public_weights(cls, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """torchvision's names and ``fc``, 2048 -> 1."""
        return trunk_weights(tensors, head="fc")

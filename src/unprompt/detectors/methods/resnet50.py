"""The plain classifier of GenImage's and DRCT's tables: a ResNet-50 from ImageNet, and nothing else.

He et al., 2015, https://arxiv.org/abs/1512.03385; as a detector: Zhu et al., 2023, https://arxiv.org/abs/2306.08571.
"""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from unprompt.detectors.options import Optimiser
from unprompt.detectors.trunk import PixelDetector, TrunkOptions
from unprompt.perturbations import Augmentation
from unprompt.validation import Count, NotNegative, checked


@checked()
class ResNet50Options(TrunkOptions):
    """AdamW, weight decay 4e-5, batch 64 of DRCT's code for plain networks; rate 1e-4, 17 epochs of its ConvNeXt."""

    epochs: Count = 17
    weight_decay: NotNegative = 4e-5
    optimiser: Optimiser = "adamw"
    augmentation: Augmentation = field(default_factory=Augmentation)
    """What training pictures go through: DRCT's, where it has numbers."""


class ResNet50Detector(PixelDetector):
    """Baseline: a plain ResNet-50 on the pixels."""

    method = "resnet50"
    Options: ClassVar[type[TrunkOptions]] = ResNet50Options

"""LGrad: a ResNet-50 on what a frozen discriminator's answer to a picture depends on, its gradient map.

Tan et al., CVPR 2023, "Learning on Gradients: Generalized Artifacts Representation for GAN-Generated Images Detection".
"""

from __future__ import annotations

from typing import ClassVar

from unprompt.detectors.trunk import PictureDetector, TrunkOptions, View
from unprompt.evidence.lgrad import LgradEvidence, LgradExtractor
from unprompt.types import RGB
from unprompt.validation import Count, Positive, checked


@checked()
class LgradOptions(TrunkOptions):
    """Adam, rate 5e-4, batch 16, 100 epochs, crops of 224 out of 256, mirror, no blur, no JPEG: the authors' code."""

    epochs: Count = 100
    batch: Count = 16
    rate: Positive = 5e-4
    view: View = "square"
    """What is judged: the whole gradient map, which is a square, at the size of the training."""


class LgradDetector(PictureDetector[LgradEvidence]):
    """Baseline LGrad: the gradient map of a discriminator's answer."""

    method = "lgrad"
    Evidence = LgradEvidence
    Options: ClassVar[type[TrunkOptions]] = LgradOptions

    @classmethod
    def evidence_of(cls, options: TrunkOptions) -> LgradExtractor:
        return LgradExtractor(cls.method)

    def picture(self, evidence: LgradEvidence) -> RGB:
        return evidence.gradient

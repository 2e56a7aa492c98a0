"""DIRE: a ResNet-50 on what a diffusion model changes when it draws a picture again, without any caption.

Wang et al., 2023, https://arxiv.org/abs/2303.09295.
"""

from __future__ import annotations

from typing import ClassVar

from unprompt.detectors.trunk import PictureDetector, TrunkOptions
from unprompt.evidence.dire import DireEvidence, DireExtractor
from unprompt.types import RGB
from unprompt.validation import checked


@checked()
class DireOptions(TrunkOptions):
    """Adam, rate 1e-4, batch 64, crops of 224 out of 256 and mirror, no blur, no JPEG: the authors' configuration."""


class DireDetector(PictureDetector[DireEvidence]):
    """Baseline DIRE: what a reconstruction without caption changes."""

    method = "dire"
    Evidence = DireEvidence
    Options: ClassVar[type[TrunkOptions]] = DireOptions

    @classmethod
    def evidence_of(cls, options: TrunkOptions) -> DireExtractor:
        return DireExtractor(cls.method)

    def picture(self, evidence: DireEvidence) -> RGB:
        return evidence.difference

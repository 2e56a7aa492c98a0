"""A linear layer on what CLIP's vision tower holds between its layers, and not on its last embedding.

Ours; that intermediate layers tell more of a picture's making than the last is Koutlis and Papadopoulos, 2024,
https://arxiv.org/abs/2402.19091, who learn a network on all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from unprompt.detectors.base import Floats
from unprompt.detectors.closed_form import LinearFit
from unprompt.detectors.options import ClosedFormOptions
from unprompt.errors import DataError, OptionError
from unprompt.evidence.layers import LayersEvidence, LayersExtractor
from unprompt.validation import checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite


@checked()
class ClipLayersOptions(ClosedFormOptions):
    """The layers from two thirds of the tower's depth to five sixths: 8 to 10 of 12."""

    layers: Annotated[tuple[int, ...], Field(min_length=1, description="one layer or more")] = (8, 9, 10)
    """Layers whose tokens are read, from 1."""


class ClipLayersDetector(LinearFit[LayersEvidence, ClipLayersOptions]):
    """CLIP's inner layers: logistic regression on CLS and mean patch tokens, the mean over a picture's views."""

    method = "clip-layers"
    Options = ClipLayersOptions
    Evidence = LayersEvidence
    roles: ClassVar[tuple[str, ...]] = ("vision",)

    @property
    def width(self) -> int:
        return 2 * len(self.options.layers) * self.suite.vision.width

    @classmethod
    def fitting_options(cls, suite: Suite) -> ClipLayersOptions:
        depth = suite.of(cls.method).vision.depth
        return ClipLayersOptions(layers=tuple(range(max(1, round(depth * 2 / 3)), max(1, round(depth * 5 / 6)) + 1)))

    @classmethod
    def evidence_of(cls, options: ClipLayersOptions) -> LayersExtractor:
        return LayersExtractor(cls.method, options.layers)

    @classmethod
    def check_head(cls, suite: Suite, options: ClipLayersOptions) -> None:
        depth = suite.vision.depth
        if strange := [layer for layer in options.layers if not 1 <= layer <= depth]:
            raise OptionError(
                f"--set layers={list(options.layers)} has {strange[0]}, expected 1 to {depth} of the tower"
            )

    def features(self, evidence: Sequence[LayersEvidence]) -> Floats:
        """N x width: the mean over the views, whose logit is the mean of the views' logits."""
        for index, one in enumerate(evidence):
            if one.views.ndim != 2 or one.views.shape[1] != self.width or not len(one.views):
                raise DataError(
                    f"evidence[{index}] has views of shape {one.views.shape}, expected n x {self.width} like layers "
                    f"{list(self.options.layers)} of this suite's tower: extract it again with this suite"
                )
        return np.stack([one.views.mean(axis=0) for one in evidence]).astype(np.float64)

"""FreDect: a linear classifier on the logarithm of a picture's cosine spectrum.

Frank et al., 2020, https://arxiv.org/abs/2003.08685: grey, 2-D DCT, log, each frequency
standardised, ridge regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from unprompt.detectors.base import Floats
from unprompt.detectors.closed_form import LinearDetector
from unprompt.detectors.labels import labelled
from unprompt.detectors.logistic import class_weights, scale_of
from unprompt.detectors.options import ClosedFormOptions
from unprompt.evidence.pixels import PixelEvidence, PixelExtractor
from unprompt.images import centre_crop
from unprompt.types import RGB
from unprompt.validation import Count, Positive, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite

GREY: Final = np.array([0.299, 0.587, 0.114])
"""Luma of the three channels."""
TINY: Final = 1e-3
"""Least coefficient counted, of grey levels 0 to 255: a flat picture has no logarithm; the authors' code has 1e-12."""


@checked()
class FredectOptions(ClosedFormOptions):
    """Ridge regression on crops of 128 pixels, as the authors' code cuts them."""

    l2: Positive = 1e-2
    side: Count = 128
    """Side of the central crop; a smaller picture has its edge repeated."""


def log_spectrum(rgb: RGB) -> Floats:
    """log(|DCT-II of the grey picture|), orthonormal, H x W float64."""
    coefficients: Floats = dctn(rgb @ GREY, type=2, norm="ortho")
    return np.asarray(np.log(np.abs(coefficients) + TINY))


def ridge(features: Floats, labels: npt.ArrayLike, l2: float) -> tuple[Floats, float]:
    """d weights and the bias that minimise the class-balanced mean of (w z + b -+ 1)^2 / 2 + l2/2 |w|^2.

    z are the standardised features, N x d; the targets are +1 for generated and -1 for real. Solved in the N x N
    dual, as d is the number of pixels.
    """
    generated = labelled(len(features), labels)
    share = class_weights(generated)
    centre = share @ features
    spread = scale_of(features, np.sqrt(share @ np.square(features - centre)))
    root = np.sqrt(share)[:, None]
    design = root * ((features - centre) / spread)
    target = root[:, 0] * np.where(generated, 1.0, -1.0)
    dual = np.linalg.solve(design @ design.T + l2 * np.eye(len(design)), target)
    weights = design.T @ dual / spread
    return weights, float(-weights @ centre)  # balanced targets and centred features: the bias of z is 0


class FredectDetector(LinearDetector[PixelEvidence]):
    """Baseline FreDect: ridge regression on the logarithm of the cosine spectrum."""

    method = "fredect"
    Evidence = PixelEvidence
    Options: ClassVar[type[FredectOptions]] = FredectOptions
    options: FredectOptions

    @classmethod
    def sized_options(cls, suite: Suite) -> FredectOptions:
        """The paper's; where the suite's pictures are smaller, all of them."""
        side = cls.picture_side(suite)
        return FredectOptions() if side is None else FredectOptions(side=min(128, side))

    @property
    def width(self) -> int:
        return self.options.side**2

    def features(self, evidence: Sequence[PixelEvidence]) -> Floats:
        return np.stack([log_spectrum(centre_crop(one.picture, self.options.side)).ravel() for one in evidence])

    def solve_features(self, features: Floats, labels: npt.ArrayLike) -> None:
        weights, bias = ridge(features, labels, self.options.l2)
        self.network.set_weights(weights, bias)

    @classmethod
    def evidence_of(cls, options: ClosedFormOptions) -> PixelExtractor:
        return PixelExtractor(cls.method)

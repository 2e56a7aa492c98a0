"""TIDY: the absolute difference of picture and caption in CLIP's space. Which sign it takes is fitted."""

from __future__ import annotations

from unprompt.detectors.discrepancy import DiscrepancyDetector
from unprompt.evidence.alignment import Vector, tidy


class TidyDetector(DiscrepancyDetector):
    """TIDY: how far picture and caption lie apart in CLIP's space, without sign.

    An MLP on D = w1 Dg + w2 Dl, sums of |I - T| over the whole and its objects (eq. 2 to 7).
    """

    method = "tidy"
    discrepancy = staticmethod(tidy)

    @staticmethod
    def embedding(vectors: Vector) -> Vector:
        """As CLIP gives it."""
        return vectors

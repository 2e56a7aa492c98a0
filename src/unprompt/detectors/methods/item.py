"""ITEM: the signed difference of picture and caption after both were normalised."""

from __future__ import annotations

from unprompt.detectors.discrepancy import DiscrepancyDetector
from unprompt.evidence.alignment import direction, item


class ItemDetector(DiscrepancyDetector):
    """ITEM: how the directions of picture and caption differ in CLIP's space, with sign.

    An MLP on D = w1 Dg + w2 Dl, sums of I/|I| - T/|T| over the whole and its objects (eq. 3 to 9).
    """

    method = "item"
    discrepancy = staticmethod(item)
    embedding = staticmethod(direction)

"""ITEM: the signed difference of picture and caption after both were normalised."""

from __future__ import annotations

from unprompt.detectors.discrepancy import DiscrepancyDetector
from unprompt.evidence.alignment import item


class ItemDetector(DiscrepancyDetector):
    """ITEM: how the directions of picture and caption differ in CLIP's space, with sign.

    An MLP on D = I/|I| - T/|T| (eq. 3 and 9).
    """

    method = "item"
    discrepancy = staticmethod(item)

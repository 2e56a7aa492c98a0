"""Pictures without a grounded object: counted, and left out where a head's options say so."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.discrepancy import DiscrepancyDetector, ungrounded
from unprompt.errors import DataError
from unprompt.instruments import Suite
from unprompt.store import Store
from unprompt.types import GENERATED, REAL, Split
from unprompt.workflows.data.labelled import Labelled, logits_of

log = logging.getLogger(__name__)


def admitted(
    detector: Detector[Any, Any], pictures: Labelled, data: str
) -> tuple[Labelled, list[int], dict[str, float]]:
    """The pictures that training and figures count, their places among all, and class -> share without an object.

    The shares, which are logged too, are empty for a head that looks at no objects. Raises DataError when none of a
    class is left.
    """
    if not isinstance(detector, DiscrepancyDetector) or detector.options.scope == "global":
        return pictures, list(range(len(pictures))), {}
    without, labels = ungrounded(pictures.evidence), np.asarray(pictures.labels)
    classes = (("real", REAL), ("generated", GENERATED))
    shares = {name: float(without[labels == label].mean()) for name, label in classes}
    told = f"{_words(shares)} {data} pictures have no grounded object"
    leaves_out = detector.options.leaves_out
    log.info(f"{detector.method}: {told}; they {'are left out' if leaves_out else 'count by their whole'}")
    if not leaves_out:
        return pictures, list(range(len(pictures))), shares
    if max(shares.values()) == 1:
        raise DataError(
            f"{told}, and ungrounded is left-out: expected some of each class with one; choose ungrounded=global, or "
            "add pictures"
        )
    kept = np.flatnonzero(~without).tolist()
    return pictures.subset(kept), kept, shares


def admitted_logits(
    folders: Sequence[Store], detector: Detector[Any, Any], suite: Suite, split: Split
) -> tuple[Floats, Labelled, dict[str, float]]:
    """Logits and pictures that figures count, and the shares of :func:`admitted`."""
    logits, pictures = logits_of(folders, detector, suite, split)
    counted, kept, shares = admitted(detector, pictures, split)
    return logits[kept], counted, shares


def _words(shares: dict[str, float]) -> str:
    return " and ".join(f"{100 * share:.1f} % of the {name}" for name, share in shares.items())

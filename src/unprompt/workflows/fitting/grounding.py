"""Pictures without a grounded object: counted, and left out where a head's options say so."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import compress
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


def admitted(detector: Detector[Any, Any], pictures: Labelled, data: str) -> tuple[Labelled, list[bool]]:
    """The pictures that training and figures count, and which of all they are; the share of the others is logged.

    Raises DataError when none of a class is left.
    """
    kept = [True] * len(pictures)
    if shares := ungrounded_shares(detector, pictures):
        leaves_out = isinstance(detector, DiscrepancyDetector) and detector.options.leaves_out
        told = f"{_words(shares)} {data} pictures have no grounded object"
        log.info(f"{detector.method}: {told}; they {'are left out' if leaves_out else 'count by their whole'}")
        if leaves_out:
            if max(shares.values()) == 1:
                raise DataError(
                    f"{told}, and ungrounded is left-out: expected some of each class with one; choose "
                    "ungrounded=global, or add pictures"
                )
            kept = (~ungrounded(pictures.evidence)).tolist()
    columns = pictures.evidence, pictures.labels, pictures.generators, pictures.pixels, pictures.originals
    return (pictures if all(kept) else Labelled(*(list(compress(one, kept)) for one in columns))), kept


def admitted_logits(
    folders: Sequence[Store], detector: Detector[Any, Any], suite: Suite, split: Split
) -> tuple[Floats, Labelled, dict[str, float]]:
    """Logits and pictures that figures count, and :func:`ungrounded_shares` of all pictures."""
    logits, pictures = logits_of(folders, detector, suite, split)
    counted, kept = admitted(detector, pictures, split)
    return logits[kept], counted, ungrounded_shares(detector, pictures)


def ungrounded_shares(detector: Detector[Any, Any], pictures: Labelled) -> dict[str, float]:
    """Class -> share of its pictures without a grounded object; empty for a head that looks at no objects."""
    if not isinstance(detector, DiscrepancyDetector) or detector.options.scope == "global":
        return {}
    without, labels = ungrounded(pictures.evidence), np.asarray(pictures.labels)
    return {name: float(without[labels == label].mean()) for name, label in (("real", REAL), ("generated", GENERATED))}


def _words(shares: dict[str, float]) -> str:
    return " and ".join(f"{100 * share:.1f} % of the {name}" for name, share in shares.items())

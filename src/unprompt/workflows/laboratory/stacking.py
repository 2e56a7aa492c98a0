"""What several heads of a table say together, as a panel fuses its members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from unprompt.detectors.logistic import logistic
from unprompt.detectors.options import ClosedFormOptions
from unprompt.errors import DataError
from unprompt.evaluation import HeadScores
from unprompt.evaluation.laboratory import shared_places
from unprompt.workflows.fitting.calibration import folds_of

SURE: Final = 1e-9
"""No probability is taken to be nearer to 0 or 1, so that its logit is finite."""


def stacked(held: Sequence[HeadScores], asked: Sequence[HeadScores]) -> HeadScores:
    """Scores of the pictures that all members have some of; ``held``: theirs of validation pictures, to learn weights.

    The features are the logits of the members' calibrated probabilities.
    """
    labels, features, _ = _joined(held)
    weights, bias = logistic(features, labels, ClosedFormOptions().l2)
    _, features, kept = _joined(asked)
    return _scored(asked, kept, features @ weights + bias)


def stacked_by_fold(held: Sequence[HeadScores]) -> HeadScores:
    """Of the validation pictures themselves, each by weights that were learned without its fold, as a panel's are."""
    labels, features, kept = _joined(held)
    truth, odds = np.asarray(labels), np.empty(len(labels))
    folds = folds_of([held[0].pixels[one] for one in kept])
    for fold in np.unique(folds):
        out = folds == fold
        weights, bias = logistic(features[~out], truth[~out], ClosedFormOptions().l2)
        odds[out] = features[out] @ weights + bias
    return _scored(held, kept, odds)


def _scored(members: Sequence[HeadScores], kept: Sequence[int], odds: npt.NDArray[np.float64]) -> HeadScores:
    """The kept pictures of the first member, with the odds of the stack."""
    probabilities, failed = expit(odds), max(one.failed for one in members)
    return replace(members[0].subset(kept), probabilities=probabilities, raw=probabilities, failed=failed)


def _joined(members: Sequence[HeadScores]) -> tuple[list[int], npt.NDArray[np.float64], list[int]]:
    """Labels, N x members logits, and the places of these pictures among the first member's."""
    kept, places = shared_places(members)
    if not kept:
        raise DataError("the members of this stack have no picture in common: see in the log why pictures failed")
    columns = [one.probabilities[own].clip(SURE, 1 - SURE) for one, own in zip(members, places, strict=True)]
    return [members[0].labels[one] for one in kept], logit(np.stack(columns, axis=1)), kept

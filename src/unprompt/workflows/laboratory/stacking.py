"""What several heads of a table say together, as a panel fuses its members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from unprompt.detectors.logistic import logistic
from unprompt.detectors.options import ClosedFormOptions
from unprompt.errors import DataError
from unprompt.evaluation import HeadScores
from unprompt.evaluation.laboratory import shared_places

SURE: Final = 1e-9
"""No probability is taken to be nearer to 0 or 1, so that its logit is finite."""


def stacked(held: Sequence[HeadScores], asked: Sequence[HeadScores]) -> HeadScores:
    """Scores of the pictures that all members have some of; ``held``: theirs of validation pictures, to learn weights.

    The features are the logits of the members' calibrated probabilities.
    """
    labels, features, _ = _joined(held)
    weights, bias = logistic(features, labels, ClosedFormOptions().l2)
    labels, features, kept = _joined(asked)
    probabilities = expit(features @ weights + bias)
    generators, pixels = ([column[one] for one in kept] for column in (asked[0].generators, asked[0].pixels))
    failed = max(one.failed for one in asked)
    return HeadScores(labels, generators, pixels, probabilities, probabilities, failed)


def _joined(members: Sequence[HeadScores]) -> tuple[list[int], npt.NDArray[np.float64], list[int]]:
    """Labels, N x members logits, and the places of these pictures among the first member's."""
    kept, places = shared_places(members)
    if not kept:
        raise DataError("the members of this stack have no picture in common: see in the log why pictures failed")
    columns = [one.probabilities[own].clip(SURE, 1 - SURE) for one, own in zip(members, places, strict=True)]
    return [members[0].labels[one] for one in kept], logit(np.stack(columns, axis=1)), kept

"""DeLong's variance of an AUC and of the difference of two on the same pictures.

DeLong, DeLong and Clarke-Pearson 1988, by the mid-ranks of Sun and Xu 2014: N log N instead of N squared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy
from scipy.special import ndtr, ndtri

from unprompt.errors import DataError
from unprompt.evaluation.arrays import Flags, Floats, check_level, checked_scores
from unprompt.evaluation.bootstrap import Interval
from unprompt.evaluation.curve import Ranking

LEAST = 2
"""Pictures of each class that a variance needs."""


@dataclass(frozen=True)
class AucDifference:
    """AUC of the first minus that of the second; ``p`` is two-sided, of no difference."""

    first: float
    second: float
    low: float
    high: float
    z: float
    p: float
    level: float


def auc_interval(labels: npt.ArrayLike, scores: npt.ArrayLike, level: float = 0.95) -> Interval:
    """AUC with its normal interval, cut to [0, 1]; of no width when the classes part altogether."""
    check_level(level)
    generated, values = checked_scores(labels, scores)
    ((auc,), ((variance,),)) = _moments(generated, values[None])
    half = float(ndtri((1 + level) / 2)) * float(np.sqrt(variance))
    return Interval(float(auc), max(0.0, float(auc) - half), min(1.0, float(auc) + half), level, "delong")


def auc_difference(
    labels: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, level: float = 0.95
) -> AucDifference:
    """Two detectors' scores of the same pictures; equal scores give z = 0 and p = 1."""
    check_level(level)
    generated, one = checked_scores(labels, first)
    other = checked_scores(labels, second)[1]
    (a, b), covariance = _moments(generated, np.stack([one, other]))
    difference = float(a - b)
    deviation = float(np.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])))
    half = float(ndtri((1 + level) / 2)) * deviation
    if deviation > 0:
        z = difference / deviation
    else:
        z = 0.0 if difference == 0 else float(np.copysign(np.finfo(np.float64).max, difference))
    bounds = max(-1.0, difference - half), min(1.0, difference + half)
    return AucDifference(float(a), float(b), *bounds, z, float(2 * ndtr(-abs(z))), level)


def _moments(generated: Flags, scores: Floats) -> tuple[Floats, Floats]:
    """K AUCs and their K x K covariance, from K x N scores."""
    n_generated, n_real = int(generated.sum()), int((~generated).sum())
    if min(n_generated, n_real) < LEAST:
        raise DataError(
            f"DeLong's variance needs at least {LEAST} real and {LEAST} generated pictures, got {n_real} real and "
            f"{n_generated} generated: add pictures"
        )
    ranks, of_generated, of_real = (
        scipy.stats.rankdata(some, axis=1) for some in (scores, scores[:, generated], scores[:, ~generated])
    )
    above_real = (ranks[:, generated] - of_generated) / n_real  # V10, K x n_generated
    below_fake = 1 - (ranks[:, ~generated] - of_real) / n_generated  # V01
    covariance = np.cov(above_real) / n_generated + np.cov(below_fake) / n_real
    areas = np.array([Ranking.of(generated, row).curve().auc() for row in scores])
    return areas, np.atleast_2d(covariance)

"""How well scores tell generated pictures from real ones: pure functions of N labels and N scores.

Label 1 = generated, a higher score = more likely generated. With a threshold, a picture is called generated
when its score is **above** it. Every function raises :class:`~unprompt.errors.DataError` for NaN or infinite
scores, unequal lengths, and a class that it needs and does not find.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.detectors.logistic import class_weights
from unprompt.errors import DataError, OptionError
from unprompt.evaluation.arrays import (
    Flags,
    Floats,
    check_rate,
    checked_probabilities,
    checked_scores,
    require_both_classes,
)
from unprompt.evaluation.curve import Curve, Ranking

BINS: Final = 15
TINY: Final = float(np.finfo(np.float64).eps)


def roc_auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Chance in [0, 1] that a generated picture scores above a real one; a tie counts one half."""
    return _curve(labels, scores, "the AUC").auc()


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean precision in [0, 1] over the steps of recall, without interpolation; tied scores are one step."""
    return _curve(labels, scores, "average precision").average_precision()


def accuracy(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Share of pictures that are on their side of the threshold."""
    _, right = _decisions(labels, scores, threshold)
    return float(right.mean())


def real_accuracy(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Share of the real pictures with a score of at most the threshold: 1 - false-positive rate."""
    generated, right = _decisions(labels, scores, threshold)
    return _share(right, ~generated, "real")


def fake_accuracy(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Share of the generated pictures with a score above the threshold: the true-positive rate."""
    generated, right = _decisions(labels, scores, threshold)
    return _share(right, generated, "generated")


def balanced_accuracy(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Mean of real and fake accuracy: chance is 0.5 whatever the mix of classes."""
    return (real_accuracy(labels, scores, threshold) + fake_accuracy(labels, scores, threshold)) / 2


def tpr_at_fpr(labels: npt.ArrayLike, scores: npt.ArrayLike, fpr: float) -> float:
    """Largest true-positive rate of a threshold whose false-positive rate is at most ``fpr`` in [0, 1].

    Pictures that share a score fall on one side together, so ties never buy recall; there is no
    interpolation. Below 1 / (number of real pictures) this is the rate at no false positive at all.
    """
    check_rate("fpr", fpr)
    return _curve(labels, scores, "TPR at a fixed FPR").tpr_at_fpr(fpr)


def eer(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Equal error rate in [0, 1]: where the ROC curve, drawn with straight lines, has FPR = 1 - TPR."""
    return _curve(labels, scores, "the equal error rate").eer()


def ece(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bins: int = BINS, prior: float | None = None) -> float:
    """Expected calibration error in [0, 1] of the probability of "generated".

    Over ``bins`` bins of equal width, closed on the left (the last on both sides): the sum of
    |share of generated - mean probability|, weighted by the bin's share of pictures (Guo et al. 2017, eq. 3,
    on the positive class). ``prior`` re-weights the classes to this share of generated, so that a
    probability that is calibrated at prior 0.5 is judged at 0.5 on a test set of any mix; None = the mix as it is.
    """
    if bins < 1:
        raise OptionError(f"bins is {bins}, expected at least 1, such as {BINS}")
    generated, values = checked_probabilities(labels, probabilities)
    weights = _weights(generated, prior, "ECE")
    return calibration_error(bin_of(values, bins), weights * (generated - values))


def nll(labels: npt.ArrayLike, probabilities: npt.ArrayLike, prior: float | None = None) -> float:
    """Mean negative log-likelihood (nats) of the probability of "generated"; ``prior`` as in :func:`ece`.

    Probabilities are kept off 0 and 1 by 2.2e-16, so that one certain error costs 36 and not infinity.
    """
    generated, values = checked_probabilities(labels, probabilities)
    return float(_weights(generated, prior, "NLL") @ sample_log_loss(generated, values))


def bin_of(probabilities: Floats, bins: int = BINS) -> npt.NDArray[np.intp]:
    """The bin of each probability: of equal width, closed on the left, the last on both sides."""
    return np.minimum((probabilities * bins).astype(np.intp), bins - 1)


def calibration_error(bins: npt.NDArray[np.intp], gaps: Floats) -> float:
    """Sum over the bins of |sum of the weighted gaps between class and probability|."""
    return float(np.abs(np.bincount(bins, gaps)).sum())


def sample_log_loss(generated: Flags, probabilities: Floats) -> Floats:
    """-log of the probability that each picture's own class was given."""
    own = np.where(generated, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.clip(own, TINY, 1 - TINY)))


def _weights(generated: Flags, prior: float | None, what: str) -> Floats:
    """One weight a picture, 1 in sum, with a share ``prior`` of it on the generated ones."""
    if prior is None:
        return np.full(generated.size, 1 / generated.size)
    check_rate("prior", prior)
    require_both_classes(generated, f"{what} at a fixed prior")
    return class_weights(generated, prior)


def _curve(labels: npt.ArrayLike, scores: npt.ArrayLike, what: str) -> Curve:
    generated, values = checked_scores(labels, scores)
    require_both_classes(generated, what)
    return Ranking.of(generated, values).curve()


def _decisions(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float) -> tuple[Flags, Flags]:
    if not np.isfinite(threshold):
        raise OptionError(f"threshold is {threshold}, expected a finite number, such as 0.5")
    generated, values = checked_scores(labels, scores)
    return generated, (values > threshold) == generated


def _share(right: Flags, members: Flags, kind: str) -> float:
    if not members.any():
        raise DataError(f"none of the {members.size} pictures is {kind}: the accuracy on {kind} pictures needs one")
    return float(right[members].mean())

"""How well scores tell generated pictures from real ones: pure functions of N labels and N scores.

Label 1 = generated, a higher score = more likely generated. With a threshold, a picture is called generated
when its score is **above** it. Every function raises :class:`~unprompt.errors.DataError` for NaN or infinite
scores, unequal lengths, and a class that it needs and does not find.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.errors import DataError, OptionError
from unprompt.evaluation.arrays import Flags, both_classes, paired, probable, unit_rate

BINS: Final = 15


def roc_auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Chance in [0, 1] that a generated picture scores above a real one; a tie counts one half."""
    false, true = _operating_points(labels, scores, "the AUC")
    doubled_area = int(np.sum(np.diff(false) * (true[1:] + true[:-1])))  # integers: exact
    return doubled_area / (2 * int(false[-1]) * int(true[-1]))


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean precision in [0, 1] over the steps of recall, without interpolation; tied scores are one step."""
    false, true = _operating_points(labels, scores, "average precision")
    precision = true[1:] / (true[1:] + false[1:])
    return float(np.sum(np.diff(true) * precision) / true[-1])


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
    unit_rate("fpr", fpr)
    false, true = _operating_points(labels, scores, "TPR at a fixed FPR")
    allowed = false / false[-1] <= fpr
    return float(true[allowed][-1] / true[-1])


def eer(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Equal error rate in [0, 1]: where the ROC curve, drawn with straight lines, has FPR = 1 - TPR."""
    false, true = _operating_points(labels, scores, "the equal error rate")
    fpr, fnr = false / false[-1], 1 - true / true[-1]
    return float(np.interp(0.0, fpr - fnr, fpr))  # the difference rises strictly from -1 to 1


def ece(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bins: int = BINS, prior: float | None = None) -> float:
    """Expected calibration error in [0, 1] of the probability of "generated".

    Over ``bins`` bins of equal width, closed on the left (the last on both sides): the sum of
    |share of generated - mean probability|, weighted by the bin's share of pictures (Guo et al. 2017, eq. 3,
    on the positive class). ``prior`` re-weights the classes to this share of generated, so that a
    probability that is calibrated at prior 0.5 is judged at 0.5 on a test set of any mix; None = the mix as it is.
    """
    if bins < 1:
        raise OptionError(f"bins is {bins}, expected at least 1, such as {BINS}")
    generated, values = probable(labels, probabilities)
    weights = np.full(values.size, 1 / values.size)
    if prior is not None:
        unit_rate("prior", prior)
        both_classes(generated, "ECE at a fixed prior")
        weights = np.where(generated, prior / generated.sum(), (1 - prior) / (~generated).sum())
    place = np.minimum((values * bins).astype(np.intp), bins - 1)
    return float(np.abs(np.bincount(place, weights * (generated - values))).sum())


def _operating_points(
    labels: npt.ArrayLike, scores: npt.ArrayLike, what: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """False and true positives at every threshold that can be told apart: from none called generated to all."""
    generated, values = paired(labels, scores)
    both_classes(generated, what)
    order = np.argsort(-values)
    ends = np.flatnonzero(np.diff(values[order], append=-np.inf))  # the last picture of each group of ties
    true = np.cumsum(generated[order], dtype=np.int64)[ends]
    return np.append(0, ends + 1 - true), np.append(0, true)


def _decisions(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float) -> tuple[Flags, Flags]:
    if not np.isfinite(threshold):
        raise OptionError(f"threshold is {threshold}, expected a finite number, such as 0.5")
    generated, values = paired(labels, scores)
    return generated, (values > threshold) == generated


def _share(right: Flags, members: Flags, kind: str) -> float:
    if not members.any():
        raise DataError(f"none of the {members.size} pictures is {kind}: the accuracy on {kind} pictures needs one")
    return float(right[members].mean())

"""Every metric against scikit-learn, torchmetrics or a count by hand, and the properties that define it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from sklearn import metrics as reference
from torchmetrics.functional.classification import binary_accuracy, binary_calibration_error

from unprompt.errors import DataError, OptionError
from unprompt.evaluation import (
    accuracy,
    average_precision,
    balanced_accuracy,
    ece,
    eer,
    fake_accuracy,
    real_accuracy,
    roc_auc,
    tpr_at_fpr,
)

Floats = npt.NDArray[np.float64]
Scored = tuple[Floats, Floats]

RANKING = [roc_auc, average_precision, eer]
AT_THRESHOLD = [accuracy, balanced_accuracy, real_accuracy, fake_accuracy]


@st.composite
def scored(draw: st.DrawFn) -> Scored:
    """Labels of both classes and scores in [0, 1] in steps of 1/16, so that ties are common and arithmetic exact."""
    labels = draw(st.lists(st.sampled_from([0, 1]), min_size=2, max_size=30).filter(lambda found: len(set(found)) == 2))
    scores = draw(st.lists(st.integers(0, 16), min_size=len(labels), max_size=len(labels)))
    return np.array(labels, float), np.array(scores) / 16


def drawn(seed: int, n_real: int = 300, n_generated: int = 120, digits: int = 2) -> Scored:
    """Overlapping classes of unequal size; two digits make many ties."""
    draws = np.random.default_rng(seed)
    labels = np.repeat([0.0, 1.0], [n_real, n_generated])
    return labels, np.round(1 / (1 + np.exp(-draws.normal(2 * labels - 1, 1.5))), digits)


@pytest.mark.parametrize("seed", range(3))
def test_ranking_metrics_agree_with_scikit_learn(seed: int) -> None:
    labels, scores = drawn(seed)
    assert roc_auc(labels, scores) == pytest.approx(reference.roc_auc_score(labels, scores), abs=1e-12)
    expected = reference.average_precision_score(labels, scores)
    assert average_precision(labels, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.77])
def test_accuracies_agree_with_scikit_learn_and_torchmetrics(threshold: float) -> None:
    labels, scores = drawn(4)
    called = scores > threshold
    assert accuracy(labels, scores, threshold) == pytest.approx(reference.accuracy_score(labels, called))
    expected = reference.balanced_accuracy_score(labels, called)
    assert balanced_accuracy(labels, scores, threshold) == pytest.approx(expected)
    assert fake_accuracy(labels, scores, threshold) == pytest.approx(reference.recall_score(labels, called))
    assert real_accuracy(labels, scores, threshold) == pytest.approx(
        reference.recall_score(labels, called, pos_label=0)
    )
    theirs = binary_accuracy(torch.tensor(scores), torch.tensor(labels, dtype=torch.int64), threshold)
    assert accuracy(labels, scores, threshold) == pytest.approx(float(theirs))


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_ece_agrees_with_torchmetrics(bins: int) -> None:
    labels, scores = drawn(5, digits=6)
    theirs = binary_calibration_error(torch.tensor(scores), torch.tensor(labels, dtype=torch.int64), bins, "l1")
    assert ece(labels, scores, bins) == pytest.approx(float(theirs), abs=1e-6)


def test_ece_at_a_prior_is_ece_of_a_set_with_that_mix() -> None:
    labels, scores = drawn(6, n_real=90, n_generated=30, digits=6)
    evened = np.concatenate([labels, *[labels[labels == 1]] * 2]), np.concatenate([scores, *[scores[labels == 1]] * 2])
    assert ece(labels, scores, prior=0.5) == pytest.approx(ece(*evened), abs=1e-12)
    assert ece(labels, scores, prior=0.25) == pytest.approx(ece(labels, scores), abs=1e-12)


def test_ece_of_two_bins_by_hand() -> None:
    # [0, 0.5): mean 0.3, none generated; [0.5, 1]: mean 0.75, two of two generated
    assert ece([0, 0, 1, 1], [0.2, 0.4, 0.5, 1.0], bins=2) == pytest.approx(0.5 * 0.3 + 0.5 * 0.25)


@given(scored(), st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 1.0]))
def test_tpr_at_fpr_is_the_best_of_all_thresholds(data: Scored, fpr: float) -> None:
    labels, scores = data
    real, fake = scores[labels == 0], scores[labels == 1]
    best = max((fake > t).mean() for t in [-1.0, *scores, 2.0] if (real > t).mean() <= fpr)
    assert tpr_at_fpr(labels, scores, fpr) == pytest.approx(best)


def test_tied_reals_are_not_split() -> None:
    labels, scores = [0] * 10 + [1] * 2, [0.1] * 8 + [0.9] * 2 + [0.9, 0.95]
    assert tpr_at_fpr(labels, scores, 0.1) == 0.5  # the two reals at 0.9 come together or not at all
    assert tpr_at_fpr(labels, scores, 0.2) == 1.0


@given(scored())
def test_eer_is_where_the_drawn_curve_meets_the_diagonal(data: Scored) -> None:
    labels, scores = data
    fpr, tpr, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    corners = np.arange(fpr.size)
    met = brentq(lambda at: np.interp(at, corners, fpr + tpr) - 1, 0, fpr.size - 1)
    assert eer(labels, scores) == pytest.approx(np.interp(met, corners, fpr), abs=1e-9)


@given(scored())
def test_auc_counts_pairs_and_ignores_monotone_maps(data: Scored) -> None:
    labels, scores = data
    difference = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    expected = ((difference > 0) + 0.5 * (difference == 0)).mean()
    assert roc_auc(labels, scores) == pytest.approx(expected, abs=1e-12)
    assert roc_auc(labels, 7 * scores**3 - 40) == roc_auc(labels, scores)
    assert roc_auc(labels, -scores) == pytest.approx(1 - roc_auc(labels, scores), abs=1e-12)
    assert roc_auc(1 - labels, -scores) == pytest.approx(roc_auc(labels, scores), abs=1e-12)


@given(scored(), st.permutations(range(4)))
def test_the_order_of_pictures_does_not_matter(data: Scored, order: list[int]) -> None:
    labels, scores = data
    turned = np.argsort(np.resize(order, labels.size), kind="stable")
    for metric in (*RANKING, *AT_THRESHOLD, ece):
        assert metric(labels[turned], scores[turned]) == pytest.approx(metric(labels, scores), abs=1e-12)


def test_constant_scores_are_chance() -> None:
    labels, scores = [0, 0, 0, 1], [0.7] * 4
    assert roc_auc(labels, scores) == 0.5
    assert eer(labels, scores) == 0.5
    assert average_precision(labels, scores) == 0.25
    assert tpr_at_fpr(labels, scores, 0.99) == 0.0


def test_parted_classes_are_perfect() -> None:
    labels, scores = [0, 0, 1, 1], [-3.0, -2.0, 5.0, 5.0]
    assert roc_auc(labels, scores) == average_precision(labels, scores) == tpr_at_fpr(labels, scores, 0) == 1.0
    assert eer(labels, scores) == 0.0


@pytest.mark.parametrize("metric", [*RANKING, *AT_THRESHOLD, ece, lambda y, s: tpr_at_fpr(y, s, 0.05)])
@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1, 1], [0.5, 0.5, np.nan], r"scores\[2\] is nan, expected a finite number"),
        ([0, 1], [0.5, np.inf], r"scores\[1\] is inf"),
        ([0, 2], [0.5, 0.5], r"labels\[1\] is 2, expected 0 \(real\) or 1 \(generated\)"),
        ([0, np.nan], [0.5, 0.5], r"labels\[1\] is nan"),
        ([0, 1, 1], [0.5, 0.5], "got 3 labels and 2 scores"),
        ([[0, 1]], [[0.5, 0.5]], r"labels has shape \(1, 2\), expected one dimension"),
        ([0, 1], ["a", "b"], "scores cannot be read as a list of numbers .*'a'"),
        ([], [], "got no labels and no scores"),
    ],
)
def test_unsound_columns_are_refused(
    metric: Callable[..., float], labels: list[float], scores: list[float], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        metric(labels, scores)


@pytest.mark.parametrize("metric", [*RANKING, lambda y, s: tpr_at_fpr(y, s, 0.1), lambda y, s: ece(y, s, prior=0.5)])
def test_one_class_has_no_ranking(metric: Callable[..., float]) -> None:
    with pytest.raises(
        DataError, match="needs at least one real and one generated picture, got 3 real and 0 generated"
    ):
        metric([0, 0, 0], [0.1, 0.2, 0.3])
    with pytest.raises(DataError, match="got 0 real and 2 generated"):
        metric([1, 1], [0.1, 0.2])


def test_an_accuracy_names_the_class_it_misses() -> None:
    assert accuracy([1, 1], [0.2, 0.8]) == fake_accuracy([1, 1], [0.2, 0.8]) == 0.5
    with pytest.raises(DataError, match="none of the 2 pictures is real"):
        balanced_accuracy([1, 1], [0.2, 0.8])
    with pytest.raises(DataError, match="none of the 3 pictures is generated"):
        fake_accuracy([0, 0, 0], [0.2, 0.8, 0.1])


def test_options_outside_their_range_are_refused() -> None:
    labels, scores = [0, 1], [0.2, 0.8]
    with pytest.raises(OptionError, match=r"fpr is 1\.5, expected a rate between 0 and 1"):
        tpr_at_fpr(labels, scores, 1.5)
    with pytest.raises(OptionError, match="threshold is nan, expected a finite number"):
        accuracy(labels, scores, float("nan"))
    with pytest.raises(OptionError, match="bins is 0, expected at least 1"):
        ece(labels, scores, bins=0)
    with pytest.raises(OptionError, match=r"prior is -0\.1"):
        ece(labels, scores, prior=-0.1)
    with pytest.raises(DataError, match=r"probabilities\[1\] is 3\.5, expected between 0 and 1"):
        ece(labels, [0.2, 3.5])

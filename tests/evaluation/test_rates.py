"""Counts of pictures are weights: every rate against scikit-learn's and against the plain metric."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference
from torchmetrics.functional.classification import binary_eer

from unprompt import evaluation
from unprompt.errors import DataError
from unprompt.evaluation import nll
from unprompt.evaluation.rates import NAMES, BinaryMetrics


@st.composite
def counted(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities in steps of 1/16 and counts from 0 to 3; both classes counted."""
    size = draw(st.integers(2, 30))
    labels = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    scores = np.array(draw(st.lists(st.integers(0, 16), min_size=size, max_size=size))) / 16
    counts = np.array(draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    labels[:2], counts[:2] = [False, True], np.maximum(counts[:2], 1)
    return labels, scores, counts


@given(counted())
def test_counts_are_scikit_learns_weights(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, counts = data
    made = BinaryMetrics(labels, scores, 0.5).rates(counts)
    called = scores > 0.5
    assert made.auc == pytest.approx(reference.roc_auc_score(labels, scores, sample_weight=counts))
    assert made.ap == pytest.approx(reference.average_precision_score(labels, scores, sample_weight=counts))
    assert made.accuracy == pytest.approx(reference.accuracy_score(labels, called, sample_weight=counts))
    assert made.balanced_accuracy == pytest.approx(
        reference.balanced_accuracy_score(labels, called, sample_weight=counts)
    )
    assert made.fake_accuracy == pytest.approx(reference.recall_score(labels, called, sample_weight=counts))
    assert made.real_accuracy == pytest.approx(
        reference.recall_score(labels, called, sample_weight=counts, pos_label=False)
    )
    balance = counts * np.where(labels, 1 / counts[labels].sum(), 1 / counts[~labels].sum())
    assert made.nll == pytest.approx(reference.log_loss(labels, scores, sample_weight=balance), rel=1e-9)


@given(counted())
def test_a_count_is_as_many_copies(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, counts = data
    made, copies = (
        BinaryMetrics(labels, scores, 0.4).rates(counts),
        (np.repeat(labels, counts), np.repeat(scores, counts)),
    )
    plain = BinaryMetrics(*copies, 0.4).rates()
    assert [getattr(made, name) for name in NAMES] == pytest.approx([getattr(plain, name) for name in NAMES])
    for name in ("eer", "ece", "nll"):
        options = {} if name == "eer" else {"prior": 0.5}
        assert getattr(made, name) == pytest.approx(getattr(evaluation, name)(*copies, **options), abs=1e-12)
    assert made.tpr_at_5 == evaluation.tpr_at_fpr(*copies, 0.05)


def test_the_equal_error_rate_is_near_torchmetrics() -> None:
    import torch

    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=4000)
    scores = 1 / (1 + np.exp(-rng.normal(labels * 1.5)))
    theirs = binary_eer(torch.from_numpy(scores), torch.from_numpy(labels))
    assert evaluation.eer(labels, scores) == pytest.approx(float(theirs), abs=1e-3)


@pytest.mark.parametrize("mix", [None, 0.5, 0.1])
def test_nll_is_scikit_learns_log_loss(mix: float | None) -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(2, size=200), rng.random(200)
    share = labels.mean()
    weights = None if mix is None else np.where(labels == 1, mix / share, (1 - mix) / (1 - share))
    assert nll(labels, scores, prior=mix) == pytest.approx(reference.log_loss(labels, scores, sample_weight=weights))


def test_nll_of_a_certain_error_is_finite() -> None:
    assert nll([0, 1], [1.0, 1.0]) == pytest.approx(-np.log(np.finfo(float).eps) / 2)
    with pytest.raises(DataError, match=r"NLL at a fixed prior needs .* got 2 real and 0"):
        nll([0, 0], [0.1, 0.2], prior=0.5)


@given(counted())
def test_the_raw_accuracy_is_at_one_half_of_the_heads_own_output(
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, scores, counts = data
    own = scores[::-1].copy()
    made = BinaryMetrics(labels, scores, 0.3, own).rates(counts)
    assert made.raw_accuracy == pytest.approx(reference.accuracy_score(labels, own > 0.5, sample_weight=counts))
    assert made.accuracy == pytest.approx(reference.accuracy_score(labels, scores > 0.3, sample_weight=counts))
    alone = BinaryMetrics(labels, scores, 0.3).rates(counts)
    assert alone.raw_accuracy == pytest.approx(reference.accuracy_score(labels, scores > 0.5, sample_weight=counts))

"""DeLong's covariance by the double sums of the paper of 1988, and what its intervals and p keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, norm
from sklearn.metrics import roc_auc_score

from unprompt.errors import DataError, OptionError
from unprompt.evaluation import auc_difference, auc_interval, bootstrap, roc_auc


def by_double_sums(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUCs and covariance from psi(X, Y), all pairs (DeLong et al. 1988, eq. 4 to 7)."""
    thetas, v10, v01 = [], [], []
    for told in (first, second):
        X, Y = told[labels == 1], told[labels == 0]
        psi = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in Y] for x in X])
        thetas.append(psi.mean())
        v10.append(psi.mean(1))
        v01.append(psi.mean(0))
    m, n = len(v10[0]), len(v01[0])
    s10, s01 = np.zeros((2, 2)), np.zeros((2, 2))
    for r in range(2):
        for s in range(2):
            s10[r, s] = sum((v10[r][i] - thetas[r]) * (v10[s][i] - thetas[s]) for i in range(m)) / (m - 1)
            s01[r, s] = sum((v01[r][j] - thetas[r]) * (v01[s][j] - thetas[s]) for j in range(n)) / (n - 1)
    return np.array(thetas), s10 / m + s01 / n


@st.composite
def twice_scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with two of each class, and two columns of scores with ties."""
    size = draw(st.integers(4, 25))
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)))
    labels[:4] = [0, 1, 0, 1]
    columns = [np.array(draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))) / 9 for _ in range(2)]
    return labels, *columns


@given(twice_scored())
def test_the_covariance_is_that_of_the_double_sums(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, first, second = data
    thetas, S = by_double_sums(labels, first, second)
    made = auc_difference(labels, first, second)
    assert (made.first, made.second) == (
        pytest.approx(roc_auc_score(labels, first)),
        pytest.approx(roc_auc_score(labels, second)),
    )
    deviation = np.sqrt(max(0.0, S[0, 0] + S[1, 1] - 2 * S[0, 1]))
    half = norm.ppf(0.975) * deviation
    assert made.high == pytest.approx(min(1, thetas[0] - thetas[1] + half), abs=1e-7)
    if deviation > 1e-6:
        assert made.z == pytest.approx((thetas[0] - thetas[1]) / deviation, rel=1e-6)
        assert made.p == pytest.approx(2 * norm.sf(abs(made.z)), abs=1e-12)
    alone = auc_interval(labels, first)
    assert alone.low == pytest.approx(max(0, thetas[0] - norm.ppf(0.975) * np.sqrt(S[0, 0])), abs=1e-7)
    assert alone.method == "delong"


def test_the_interval_is_near_the_bootstraps() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [300, 150])
    scores = rng.normal(labels * 1.2)
    made, drawn = auc_interval(labels, scores, 0.9), bootstrap(roc_auc, labels, scores, level=0.9)
    assert (made.estimate, made.low, made.high) == pytest.approx((drawn.estimate, drawn.low, drawn.high), abs=0.01)


def test_the_interval_covers_and_p_is_uniform_without_a_difference() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [80, 60])
    truth = norm.cdf(1 / np.sqrt(2))
    covered, chances = 0, []
    for _ in range(400):
        shared = rng.normal(labels * 0.5, 0.5)
        first, second = (2 * shared + rng.normal(0, 1 / np.sqrt(2), labels.size) for _ in range(2))
        made = auc_difference(labels, first, second)
        chances.append(made.p)
        alone = auc_interval(labels, rng.normal(labels * 1.0))
        covered += alone.low <= truth <= alone.high
    assert 0.92 <= covered / 400 <= 0.98
    assert kstest(chances, "uniform").pvalue > 0.01


def test_equal_and_opposite_scores() -> None:
    labels, scores = np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.5, 0.7, 0.9])
    same = auc_difference(labels, scores, scores)
    assert (same.z, same.p, same.low, same.high) == (0, 1, 0, 0)
    parted = auc_difference([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1])
    assert (parted.first, parted.second, parted.p, parted.low, parted.high) == (1, 0, 0, 1, 1)
    assert auc_interval([0, 0, 1, 1], [1, 2, 3, 4]).low == 1


def test_unsound_input_is_refused() -> None:
    with pytest.raises(DataError, match="needs at least 2 real and 2 generated pictures, got 3 real and 1 generated"):
        auc_interval([0, 0, 0, 1], [1, 2, 3, 4])
    with pytest.raises(OptionError, match="level is 95, expected a share"):
        auc_interval([0, 0, 1, 1], [1, 2, 3, 4], level=95)
    with pytest.raises(DataError, match=r"scores\[0\] is nan"):
        auc_difference([0, 0, 1, 1], [1, 2, 3, 4], [np.nan, 2, 3, 4])

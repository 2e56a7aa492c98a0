"""Platt's fit and the two thresholds, against scikit-learn and an exhaustive search."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from unprompt.detectors.calibration import Calibration
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import ece, fit_isotonic, fit_platt, fit_temperature, fit_thresholds

Floats = npt.NDArray[np.float64]
Scored = tuple[Floats, Floats]


@st.composite
def scored(draw: st.DrawFn) -> Scored:
    """Labels of both classes and probabilities in steps of 1/32, with many ties."""
    labels = draw(st.lists(st.sampled_from([0, 1]), min_size=2, max_size=40).filter(lambda found: len(set(found)) == 2))
    scores = draw(st.lists(st.integers(0, 32), min_size=len(labels), max_size=len(labels)))
    return np.array(labels, float), np.array(scores) / 32


def drawn(seed: int, n_real: int, n_generated: int, gap: float = 2.0) -> Scored:
    draws = np.random.default_rng(seed)
    labels = np.repeat([0.0, 1.0], [n_real, n_generated])
    return labels, draws.normal(labels * gap, 1.0)


def line(labels: npt.ArrayLike, logits: npt.ArrayLike) -> tuple[float, float]:
    made = fit_platt(labels, logits)
    return made.slope, made.intercept


def bounds(labels: npt.ArrayLike, probabilities: npt.ArrayLike, fpr: float = 0.05, fnr: float = 0.05):
    made = fit_thresholds(labels, probabilities, fpr, fnr)
    return made.lower, made.upper


@pytest.mark.parametrize(("n_real", "n_generated", "gap"), [(80, 80, 2.0), (150, 30, 1.0), (40, 90, 30.0)])
def test_platt_agrees_with_scikit_learn_on_soft_labels(n_real: int, n_generated: int, gap: float) -> None:
    labels, logits = drawn(1, n_real, n_generated, gap)
    doubt = 1 / (min(n_real, n_generated) + 2)
    # a soft label is one picture of each class, with the two shares as weights
    targets = np.where(labels == 1, 1 - doubt, doubt)
    balance = np.where(labels == 1, 1 / n_generated, 1 / n_real) * labels.size
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000, solver="newton-cholesky").fit(
        np.concatenate([logits, logits])[:, None],
        np.repeat([1, 0], labels.size),
        np.concatenate([balance * targets, balance * (1 - targets)]),
    )
    slope, intercept = line(labels, logits)
    assert slope == pytest.approx(theirs.coef_[0, 0], rel=1e-5)
    assert intercept == pytest.approx(theirs.intercept_[0], rel=1e-5, abs=1e-6)


def test_two_points_reach_platts_targets() -> None:
    slope, intercept = line([0] * 8 + [1] * 8, [-1.0] * 8 + [1.0] * 8)
    assert Calibration(slope, intercept).probability([-1, 1]) == pytest.approx([1 / 10, 9 / 10])


def test_the_prior_is_one_half_whatever_the_mix() -> None:
    labels, logits = drawn(2, 30, 3000)
    rng = fit_platt(labels, logits).probability(logits)
    assert (rng[labels == 1].mean() + rng[labels == 0].mean()) / 2 == pytest.approx(0.5, abs=1e-9)
    labels, noise = drawn(3, 20, 2000, gap=0.0)
    assert fit_platt(labels, noise).probability(0.0) == pytest.approx(0.5, abs=0.1)


def test_a_distorted_logit_is_put_right() -> None:
    labels, logits = drawn(4, 4000, 4000)
    slope, intercept = line(labels, 3 * logits + 40)  # true: log-odds 2 x - 2 for normals 2 apart
    assert slope == pytest.approx(2 / 3, rel=0.1)
    assert intercept == pytest.approx(-2 - 2 / 3 * 40, rel=0.1)
    fresh, seen = drawn(5, 8000, 800)
    assert ece(fresh, Calibration(slope, intercept).probability(3 * seen + 40), prior=0.5) < 0.03


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_scale_of_logits_does_not_matter(scale: float) -> None:
    labels, logits = drawn(6, 50, 50)
    plain, scaled = line(labels, logits), line(labels, logits * scale)
    assert scaled[0] * scale == pytest.approx(plain[0], rel=1e-6)
    assert scaled[1] == pytest.approx(plain[1], rel=1e-6, abs=1e-9)


def test_a_detector_that_points_the_wrong_way_is_dulled() -> None:
    labels, logits = drawn(7, 100, 100)
    slope, intercept = line(labels, -logits)
    assert 0 < slope < 0.01
    assert Calibration(slope, intercept).probability(-logits) == pytest.approx(np.full(200, 0.5), abs=0.01)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=30).filter(lambda found: np.ptp(found) > 1e-6),
    st.integers(1, 3),
)
def test_platt_is_finite_and_monotone(logits: list[float], n_real: int) -> None:
    labels = [0] * n_real + [1] * (len(logits) - n_real)
    made = fit_platt(labels, logits)
    rng = made.probability(np.sort(logits))
    assert np.isfinite(rng).all()
    assert (np.diff(rng) >= -1e-15).all()  # numpy's vector and scalar paths differ in the last bit


@pytest.mark.parametrize(("n_real", "n_generated"), [(80, 80), (150, 30)])
def test_isotonic_agrees_with_scikit_learn(n_real: int, n_generated: int) -> None:
    labels, logits = drawn(8, n_real, n_generated, 1.0)
    logits = np.round(logits, 1)  # ties
    balance = np.where(labels == 1, 0.5 / n_generated, 0.5 / n_real)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(logits, labels, balance)
    made = fit_isotonic(labels, logits)
    doubt = 1 / (min(n_real, n_generated) + 2)
    asked = np.linspace(-4, 6, 301)
    expected = doubt + (1 - 2 * doubt) * theirs.predict(asked)
    found = made.probability(asked)
    assert found == pytest.approx(expected, abs=1e-9)
    assert (np.diff(found) >= -1e-15).all()


def test_an_isotonic_map_of_a_head_that_points_the_wrong_way_is_flat() -> None:
    labels, logits = drawn(7, 100, 100, gap=6.0)
    made = fit_isotonic(labels, -logits)
    probabilities = np.array(made.probabilities)
    assert len(made.logits) >= 2
    assert np.ptp(probabilities) < 0.1
    assert probabilities.mean() == pytest.approx(0.5, abs=0.05)


def test_temperature_is_the_optimum_of_the_balanced_loss() -> None:
    labels, logits = drawn(9, 200, 50)
    logits = 5 * (logits - 1)
    doubt = 1 / 52
    targets = np.where(labels == 1, 1 - doubt, doubt)
    weights = np.where(labels == 1, 0.5 / 50, 0.5 / 200)

    def loss(steepness: float) -> float:
        return float(weights @ (np.logaddexp(0, steepness * logits) - targets * steepness * logits))

    best = minimize_scalar(loss, bounds=(1e-4, 10), method="bounded", options={"xatol": 1e-10}).x
    assert 1 / fit_temperature(labels, logits).slope == pytest.approx(1 / best, rel=1e-5)
    assert 1 / fit_temperature(labels, 3 * logits).slope == pytest.approx(3 / best, rel=1e-5)


def test_a_temperature_keeps_zero_at_one_half_and_never_turns_round() -> None:
    labels, logits = drawn(7, 100, 100)
    assert 1 / fit_temperature(labels, -logits).slope > 100
    with pytest.raises(DataError, match=r"all 3 logits are 1\.5: nothing can be calibrated"):
        fit_temperature([0, 1, 1], [1.5, 1.5, 1.5])
    with pytest.raises(DataError, match="calibration needs at least one real and one generated picture, got 2 real"):
        fit_isotonic([0, 0], [1.0, 2.0])


@given(scored(), st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5]), st.sampled_from([0.0, 0.05, 0.2, 0.5]))
def test_thresholds_keep_their_promise_on_the_fitting_data(data: Scored, fpr: float, fnr: float) -> None:
    labels, scores = data
    lower, upper = bounds(labels, scores, fpr, fnr)
    assert 0 <= lower <= upper <= 1
    assert (scores[labels == 0] > upper).mean() <= fpr
    assert (scores[labels == 1] < lower).mean() <= fnr


@given(scored(), st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5]))
def test_thresholds_are_the_tightest_or_one(data: Scored, rate: float) -> None:
    labels, scores = data
    real, fake = scores[labels == 0], scores[labels == 1]
    grid = np.arange(0, 129) / 128
    upper = min(t for t in grid if (real > t).mean() <= rate)
    lower = max(t for t in grid if (fake < t).mean() <= rate)
    found = bounds(labels, scores, rate, rate)
    if real.min() <= upper and lower <= fake.max() and lower <= upper:
        assert found == (lower, upper)
    else:
        assert found[0] == found[1]
        assert upper <= found[0] <= lower
        gaps = [abs((real > t).mean() - (fake < t).mean()) for t in grid if upper <= t <= lower]
        assert abs((real > found[0]).mean() - (fake < found[0]).mean()) == pytest.approx(min(gaps))


def test_parted_classes_meet_in_the_middle_of_the_gap() -> None:
    assert bounds([0] * 40 + [1] * 40, np.r_[np.linspace(0, 0.2, 40), np.linspace(0.7, 1, 40)]) == (
        pytest.approx(0.45),
        pytest.approx(0.45),
    )


def test_a_rate_counts_in_whole_pictures() -> None:
    probabilities = np.r_[np.arange(100) / 100, 0.0]
    assert 0.29 * 100 < 29  # in floating point
    assert bounds([0] * 100 + [1], probabilities, fpr=0.29, fnr=0) == (0.0, 0.7)


def test_fewer_pictures_than_the_rate_needs_leave_none_on_the_wrong_side() -> None:
    assert bounds([0, 0, 0, 1, 1], [0.2, 0.6, 0.9, 0.3, 0.7], fpr=0.05, fnr=0.05) == (0.3, 0.9)


def test_the_package_loads_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import unprompt.evaluation"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(scored(), st.sampled_from([0.05, 0.1, 0.3]), st.booleans())
def test_a_moved_threshold_is_the_fitted_one(data: Scored, rate: float, conformal: bool) -> None:
    labels, scores = data
    labels, scores = np.tile(labels, 20), np.tile(scores, 20)
    fitted = fit_thresholds(labels, scores, rate, 0.5, conformal)
    moved = fit_thresholds(labels, scores, 0.5, 0.5, conformal).at_fpr(rate)
    assert moved.upper == max(moved.lower, fitted.upper) or fitted.lower == fitted.upper


def test_unsound_validation_sets_are_refused() -> None:
    with pytest.raises(
        DataError, match="calibration needs at least one real and one generated picture, got 2 real and 0"
    ):
        fit_platt([0, 0], [1.0, 2.0])
    with pytest.raises(DataError, match=r"all 3 logits are 1\.5: nothing can be calibrated"):
        fit_platt([0, 1, 1], [1.5, 1.5, 1.5])
    with pytest.raises(DataError, match="all 9 logits are 0: nothing can be calibrated"):
        fit_platt([0] + [1] * 8, np.zeros(9))
    with pytest.raises(DataError, match=r"scores\[1\] is nan"):
        fit_platt([0, 1], [1.5, np.nan])
    with pytest.raises(DataError, match=r"fitting thresholds needs .* got 0 real and 2 generated"):
        fit_thresholds([1, 1], [0.1, 0.2])
    with pytest.raises(
        DataError, match=r"probabilities\[0\] is -3\.0, expected between 0 and 1; logits are calibrated"
    ):
        fit_thresholds([0, 1], [-3.0, 0.2])
    with pytest.raises(OptionError, match=r"fpr is 1\.0, expected a rate from 0 to below 1"):
        fit_thresholds([0, 1], [0.1, 0.2], fpr=1.0)
    with pytest.raises(OptionError, match=r"fnr is nan, expected a rate"):
        fit_thresholds([0, 1], [0.1, 0.2], fnr=float("nan"))

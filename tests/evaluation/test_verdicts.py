"""What thresholds promise and keep: conformal bands on new pictures, shares of verdicts on test pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unprompt.errors import OptionError
from unprompt.evaluation import Bounds, Verdicts, evaluate_scores, fit_thresholds


def drawn(rng: np.random.Generator, n_real: int, n_generated: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([0, 1], [n_real, n_generated])
    return labels, 1 / (1 + np.exp(-rng.normal(labels * 1.0)))


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (24, 0.1), (40, 0.1)])
def test_a_conformal_band_keeps_its_rate_on_new_pictures(n: int, rate: float) -> None:
    """The mean rate over validation sets is floor((n + 1) rate) / (n + 1), an empirical band's one picture more."""
    rng = np.random.default_rng(n)
    alarms, misses, plain = [], [], []
    for _ in range(3000):
        labels, scores = drawn(rng, n, n)
        band = fit_thresholds(labels, scores, rate, rate, conformal=True)
        new_labels, new = drawn(rng, 30, 30)
        alarms.append((new[new_labels == 0] > band.upper).mean())
        misses.append((new[new_labels == 1] < band.lower).mean())
        plain.append((new[new_labels == 0] > fit_thresholds(labels, scores, rate, rate).upper).mean())
    exact = np.floor((n + 1) * rate + 1e-9) / (n + 1)
    assert np.mean(alarms) == pytest.approx(exact, abs=0.006)
    assert np.mean(misses) == pytest.approx(exact, abs=0.006)
    assert np.mean(alarms) <= rate + 0.006
    assert np.mean(plain) == pytest.approx((np.floor(n * rate + 1e-9) + 1) / (n + 1), abs=0.006)


@given(st.integers(20, 60), st.sampled_from([0.05, 0.1, 0.3]), st.integers(0, 1000))
def test_a_conformal_band_is_the_tightest_of_its_kind(n: int, rate: float, seed: int) -> None:
    labels, scores = drawn(np.random.default_rng(seed), n, n)
    real, fake = np.sort(scores[:n]), np.sort(scores[n:])
    allowed = int(np.floor((n + 1) * rate + 1e-9)) - 1  # pictures on the wrong side
    upper, lower = real[n - 1 - allowed], fake[allowed]
    made = fit_thresholds(labels, scores, rate, rate, conformal=True)
    found = made.lower, made.upper
    assert found == (lower, upper) if lower <= upper else upper <= found[0] == found[1] <= lower


def test_too_few_pictures_promise_nothing() -> None:
    labels, scores = drawn(np.random.default_rng(0), 18, 30)
    with pytest.raises(OptionError, match=r"band with fpr 0\.05 needs 19 real validation pictures or more, got 18"):
        fit_thresholds(labels, scores, 0.05, 0.05, conformal=True)
    with pytest.raises(OptionError, match=r"with fnr 0\.01 needs 99 generated validation pictures or more, got 30"):
        fit_thresholds(labels, scores, 0.1, 0.01, conformal=True)
    with pytest.raises(OptionError, match="fpr 0 needs infinitely many real"):
        fit_thresholds(labels, scores, 0.0, 0.1, conformal=True)


def test_shares_of_verdicts_are_counted_by_class() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1], bool)
    scores = np.array([0.1, 0.3, 0.7, 0.71, 0.9, 0.8, 0.5, 0.29, 0.1])
    found = Verdicts.of(labels, scores, Bounds(0.3, 0.7, 0.05, 0.05))
    assert found.real_called_generated == 0.25
    assert found.real_inconclusive == 0.5  # the bounds themselves are inconclusive
    assert found.generated_called_real == 0.4
    assert found.generated_inconclusive == 0.2
    assert found.coverage == pytest.approx(1 - (0.25 + 0.4) / 2)
    with pytest.raises(OptionError, match=r"bounds are 0\.8 and 0\.2, expected"):
        Bounds(0.8, 0.2, 0.05, 0.05)


def test_the_table_has_the_verdicts_of_every_row_of_pictures() -> None:
    table = evaluate_scores(
        [0, 0, 1, 1], [0.1, 0.9, 0.9, 0.5], ["", "", "g", "h"], bounds=Bounds(0.2, 0.8, 0.1, 0.1), repeats=0
    )
    assert set(table.verdicts) == {"g", "h", "pooled"}
    assert (table.verdicts["g"].generated_inconclusive, table.verdicts["h"].generated_inconclusive) == (0, 1)
    assert evaluate_scores([0, 1], [0.1, 0.9], ["", "g"], repeats=0).verdicts == {}

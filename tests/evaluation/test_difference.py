"""Two detectors on the same pictures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from unprompt.errors import DataError, OptionError
from unprompt.evaluation import auc_difference, compare_scores
from unprompt.evaluation.rates import NAMES

DICE = np.random.default_rng(5)
LABELS = np.repeat([0, 1], [120, 120])
NAMES_OF = [*[""] * 120, *["gan"] * 60, *["flow"] * 60]
SHARED = DICE.normal(LABELS * 1.0)


def squashed(noise: float, seed: int) -> np.ndarray:
    return 1 / (1 + np.exp(-(SHARED + np.random.default_rng(seed).normal(0, noise, LABELS.size))))


GOOD, BAD = squashed(0.3, 1), squashed(3.0, 2)


def test_every_row_and_metric_is_compared() -> None:
    made = compare_scores(LABELS, GOOD, BAD, NAMES_OF, names=("good", "bad"), repeats=200)
    assert (made.first, made.second, made.n_real, made.n_generated) == ("good", "bad", 120, 120)
    assert list(made.rows) == ["flow", "gan", "macro", "pooled"]
    assert all(tuple(row) == NAMES for row in made.rows.values())
    ap = made.rows["pooled"]["ap"]
    assert ap.first == pytest.approx(average_precision_score(LABELS, GOOD))
    assert ap.difference == pytest.approx(ap.first - average_precision_score(LABELS, BAD))
    assert ap.low < ap.difference < ap.high
    assert ap.method == "bootstrap"


def test_the_auc_is_delongs_but_for_macro() -> None:
    made = compare_scores(LABELS, GOOD, BAD, NAMES_OF, repeats=50)
    expected = auc_difference(LABELS, GOOD, BAD)
    auc = made.rows["pooled"]["auc"]
    assert (auc.low, auc.high, auc.p, auc.method) == (expected.low, expected.high, expected.p, "delong")
    assert made.rows["macro"]["auc"].method == "bootstrap"
    assert made.rows["macro"]["auc"].difference == pytest.approx(
        np.mean([made.rows[name]["auc"].difference for name in ("gan", "flow")])
    )


def test_the_drawn_interval_of_macro_is_near_delongs_of_the_whole() -> None:
    """With one generator, macro is that generator: two roads to one interval."""
    one = ["g" if label else "" for label in LABELS]
    row = compare_scores(LABELS, GOOD, BAD, one, repeats=1500).rows
    assert row["macro"]["auc"].low == pytest.approx(row["g"]["auc"].low, abs=0.015)
    assert row["macro"]["auc"].high == pytest.approx(row["g"]["auc"].high, abs=0.015)


def test_a_clear_difference_is_significant_and_none_is_not() -> None:
    clear = compare_scores(LABELS, GOOD, BAD, NAMES_OF, repeats=400).rows["pooled"]
    assert clear["auc"].p < 0.001
    assert clear["balanced_accuracy"].p == pytest.approx(2 / 401)  # no draw on the other side
    same = compare_scores(LABELS, GOOD, GOOD, NAMES_OF, repeats=50).rows["pooled"]
    assert {(one.difference, one.low, one.high, one.p) for one in same.values()} == {(0, 0, 0, 1)}


def test_pairing_narrows_the_interval() -> None:
    """Both errors come from the same pictures; drawn apart, the interval of the difference would be wider."""
    close = squashed(0.3, 9)
    paired = compare_scores(LABELS, GOOD, close, NAMES_OF, repeats=300).rows["pooled"]["ap"]
    rng = np.random.default_rng(0)
    apart = []
    for _ in range(300):
        first, second = (np.r_[rng.integers(120, size=120), rng.integers(120, 240, 120)] for _ in range(2))
        apart.append(
            average_precision_score(LABELS[first], GOOD[first]) - average_precision_score(LABELS[second], close[second])
        )
    assert paired.high - paired.low < 0.6 * np.ptp(np.quantile(apart, [0.025, 0.975]))


def test_turned_round_it_changes_sign() -> None:
    ours, theirs = (
        compare_scores(LABELS, *two, NAMES_OF, repeats=60).rows["gan"] for two in ((GOOD, BAD), (BAD, GOOD))
    )
    for name in NAMES:
        assert ours[name].difference == -theirs[name].difference
        assert ours[name].p == pytest.approx(theirs[name].p)


def test_unsound_input_is_refused() -> None:
    with pytest.raises(DataError, match="got 2 labels and 1 generators"):
        compare_scores([0, 1], [0.1, 0.2], [0.1, 0.2], ["g"])
    with pytest.raises(DataError, match="got 2 labels and 1 scores"):
        compare_scores([0, 1], [0.1, 0.2], [0.1], ["", "g"])
    with pytest.raises(OptionError, match="repeats is 0, expected at least 1"):
        compare_scores([0, 1], [0.1, 0.2], [0.1, 0.2], ["", "g"], repeats=0)

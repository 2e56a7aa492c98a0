from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from unprompt.errors import DataError, OptionError
from unprompt.evaluation import (
    auc_interval,
    average_precision,
    bootstrap,
    evaluate_scores,
    fake_accuracy,
    roc_auc,
    tpr_at_fpr,
    wilson,
)

LABELS = np.repeat([0, 1], [200, 100])
SCORES = np.random.default_rng(1).normal(LABELS * 1.0, 1.0)


def test_the_interval_of_a_share_is_the_binomial_one() -> None:
    made = bootstrap(partial(fake_accuracy, threshold=0.5), LABELS, SCORES, repeats=2000)
    half = norm.ppf(0.975) * np.sqrt(made.estimate * (1 - made.estimate) / 100)
    assert made.estimate == fake_accuracy(LABELS, SCORES)
    assert made.low == pytest.approx(made.estimate - half, abs=0.02)
    assert made.high == pytest.approx(made.estimate + half, abs=0.02)


def test_the_interval_of_an_auc_is_that_of_hanley_and_mcneil() -> None:
    made = bootstrap(roc_auc, LABELS, SCORES)
    a = made.estimate
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    deviation = np.sqrt((a * (1 - a) + 99 * (q1 - a * a) + 199 * (q2 - a * a)) / (100 * 200))
    assert made.high - made.low == pytest.approx(2 * norm.ppf(0.975) * deviation, rel=0.15)
    assert made.low < a < made.high


def test_one_seed_one_answer_and_a_wider_level_is_wider() -> None:
    wide, again = (bootstrap(roc_auc, LABELS, SCORES, repeats=200, level=0.99, seed=3) for _ in range(2))
    narrow = bootstrap(roc_auc, LABELS, SCORES, repeats=200, level=0.5, seed=3)
    assert wide == again != bootstrap(roc_auc, LABELS, SCORES, repeats=200, level=0.99, seed=4)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_every_draw_keeps_the_size_of_each_class() -> None:
    def mix(generated: np.ndarray, scores: np.ndarray) -> float:
        return float(generated.sum()) + scores.size * 1000

    made = bootstrap(mix, [0, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5], repeats=50)
    assert made.low == made.estimate == made.high == 5001


def test_a_metric_with_a_further_argument() -> None:
    assert 0 <= bootstrap(partial(tpr_at_fpr, fpr=0.05), LABELS, SCORES, repeats=50).low <= 1


@pytest.mark.parametrize(("right", "count"), [(0, 12), (12, 12), (7, 12), (900, 1000)])
def test_wilsons_interval_is_that_of_1927(right: int, count: int) -> None:
    share, z = right / count, norm.ppf(0.95)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    made = wilson(np.arange(count) < right, 0.9)
    assert (made.low, made.high) == pytest.approx((max(0, centre - half), min(1, centre + half)), abs=1e-12)
    assert (made.estimate, made.method) == (right / count, "wilson")


def test_the_draws_are_choices_of_numpy_class_by_class() -> None:
    rng, values = np.random.default_rng(3), []
    for _ in range(40):
        real, generated = rng.choice(SCORES[:200], 200), rng.choice(SCORES[200:], 100)
        values.append(roc_auc(LABELS, np.concatenate([real, generated])))
    made = bootstrap(roc_auc, LABELS, SCORES, repeats=40, seed=3)
    assert (made.low, made.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=1e-12)


def test_the_intervals_of_a_table() -> None:
    names = [*[""] * 200, *["gan"] * 50, *["flow"] * 50]
    rng = 1 / (1 + np.exp(-SCORES))
    table = evaluate_scores(LABELS, rng, names, repeats=400, level=0.9)
    assert list(table.intervals) == ["flow", "gan", "pooled", "macro"]
    for name, row in table.rows():
        for metric, found in table.intervals[name].items():
            assert found.estimate == getattr(row, metric)
            assert found.low <= found.estimate <= found.high or metric in ("ece", "eer", "nll", "tpr_at_1")
            assert found.level == 0.9
    by_hand = auc_interval(LABELS[:250], rng[:250], 0.9)
    assert table.intervals["gan"]["auc"] == replace(by_hand, estimate=table.generators["gan"].auc)
    methods = {metric: found.method for metric, found in table.intervals["pooled"].items()}
    assert {metric for metric, method in methods.items() if method == "wilson"} == {"real_accuracy", "fake_accuracy"}
    assert {found.method for found in table.intervals["macro"].values()} == {"bootstrap"}
    drawn = bootstrap(average_precision, LABELS, rng, repeats=400, level=0.9)
    made = table.intervals["pooled"]["ap"]
    assert (made.low, made.high) == pytest.approx((drawn.low, drawn.high), abs=0.015)
    again = evaluate_scores(LABELS, rng, names, repeats=400, level=0.9)
    other = evaluate_scores(LABELS, rng, names, repeats=400, level=0.9, seed=1)
    assert again.intervals == table.intervals != other.intervals


def test_one_picture_of_a_class_has_a_drawn_interval() -> None:
    table = evaluate_scores([0, 0, 1], [0.1, 0.6, 0.5], ["", "", "g"], repeats=100)
    assert table.intervals["g"]["auc"].method == "bootstrap"


def test_wrong_options_are_refused() -> None:
    with pytest.raises(OptionError, match="level is 95, expected a share"):
        bootstrap(roc_auc, LABELS, SCORES, level=95)
    with pytest.raises(OptionError, match="repeats is 0, expected at least 1"):
        bootstrap(roc_auc, LABELS, SCORES, repeats=0)
    with pytest.raises(OptionError, match="repeats is -1, expected 0 or more"):
        evaluate_scores([0, 1], [0.1, 0.2], ["", "g"], repeats=-1)
    with pytest.raises(DataError, match="got 3 real and 0 generated"):
        bootstrap(roc_auc, [0, 0, 0], [1, 2, 3])

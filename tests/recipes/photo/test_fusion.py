"""Weights, calibration and bounds from the other folds alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unprompt.evaluation import roc_auc, tpr_at_fpr
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.fusion import FALSE_ALARMS, MISSES, fuse, judge, thresholds
from unprompt.recipes.photo.sources import Photograph
from unprompt.types import Sample


def data(seed: int = 0, n: int = 400) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two conditions of two methods, of which the second is the better."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    logits = labels[:, None] * np.array([1.0, 2.0]) + rng.normal(size=(n, 2))
    return {"raw": logits, "blurred": 0.5 * logits + 0.3}, labels


def test_the_better_method_weighs_more_and_no_condition_passes_the_bound() -> None:
    logits, labels = data()
    fusion = fuse(logits, labels)
    assert 0 < fusion.weights[0] < fusion.weights[1]
    # all pictures at once, as in the fit: the bounds are some picture's very probability
    each = [fusion.probability(one) for one in logits.values()]
    shares = [(one[labels == 0] > fusion.upper).mean() for one in each]
    assert max(shares) <= FALSE_ALARMS
    assert max(shares) > FALSE_ALARMS - 0.01
    missed = [(one[labels == 1] < fusion.lower).mean() for one in each]
    assert max(missed) <= MISSES


def test_a_fold_is_judged_by_the_others() -> None:
    logits, labels = data()
    folds = np.arange(len(labels)) // 2 % 4
    judged = judge(logits, labels, folds.tolist())
    held = folds == 2
    alone = fuse({name: one[~held] for name, one in logits.items()}, labels[~held])
    for name, one in logits.items():
        np.testing.assert_allclose(judged[name].probabilities[held], alone.probability(one[held]))
        np.testing.assert_array_equal(judged[name].flagged[held], alone.probability(one[held]) > alone.upper)
    changed = {name: np.where(held[:, None], 9.0, one) for name, one in logits.items()}
    expected = alone.probability(np.full((1, 2), 9.0))[0]
    np.testing.assert_allclose(judge(changed, labels, folds.tolist())["raw"].probabilities[held], expected)


def test_the_checkpoint_keeps_what_was_promised() -> None:
    logits, labels = data()
    fusion = fuse(logits, labels)
    kept = thresholds(fusion, logits, labels)
    assert (kept.lower, kept.upper, kept.fpr, kept.fnr) == (fusion.lower, fusion.upper, FALSE_ALARMS, MISSES)
    assert (kept.n_real, kept.n_generated) == (400, 400)


def test_the_cards_figures_are_counted_plainly() -> None:
    logits, labels = data(n=200)
    rows = [
        Photograph(
            Sample(f"{place}.png", 1 if label else 0, "sd-1.5" if label else "shoes" if place % 4 else "coco"), 0
        )
        for place, label in enumerate(labels)
    ]
    judged = judge(logits, labels, (np.arange(200) // 2 % 4).tolist())["raw"]
    table = figures.condition(rows, judged)
    real, generated = judged.probabilities[labels == 0], judged.probabilities[labels == 1]
    auc = np.mean(generated[:, None] > real[None]) + np.mean(generated[:, None] == real[None]) / 2
    assert table["macro"]["auc"]["value"] == pytest.approx(auc)
    assert table["pooled"]["auc"]["low"] < auc < table["pooled"]["auc"]["high"]
    bound = np.sort(real)[len(real) - 1 - int(0.03 * len(real))]
    assert table["pooled"]["tpr_at_3"]["value"] == pytest.approx(np.mean(generated > bound))
    assert table["real"]["accused"]["count"] == judged.flagged[labels == 0].sum()
    assert table["real"]["collections"]["shoes"]["n"] + table["real"]["collections"]["coco"]["n"] == 100
    assert set(table["real"]["contents"]) == {"photo", "product"}
    assert table["generators"]["sd-1.5"]["n"] == 100


@given(st.integers(20, 200), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_the_curves_two_figures_are_those_of_the_evaluation(real: int, generated: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = [rng.integers(0, 30, count) / 30 for count in (real, generated)]
    labels, both = np.repeat([0, 1], [real, generated]), np.concatenate(scores)
    expected = [roc_auc(labels, both), tpr_at_fpr(labels, both, figures.RATE)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "REPEATS", 2)
        found = figures.intervals(scores[0], {"g": scores[1]}, seed)["g"]
    np.testing.assert_allclose([found[name]["value"] for name in figures.CURVES], expected, atol=1e-12)


def test_the_intervals_are_of_choices_class_by_class() -> None:
    """The draws that the shipped figures were made with: the real pictures, then each generator's."""
    rng = np.random.default_rng(1)
    real, groups = rng.normal(0, 1, 80), {"a": rng.normal(1, 1, 30), "b": rng.normal(2, 1, 40)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "REPEATS", 60)
        found = figures.intervals(real, groups, 5)
    rng, drawn = np.random.default_rng(5), []
    for _ in range(60):
        others = np.sort(rng.choice(real, len(real)))
        row = []
        for scores in groups.values():
            again = rng.choice(scores, len(scores))
            area = (again[:, None] > others).mean() + (again[:, None] == others).mean() / 2
            row.append((area, (again > others[len(real) - 1 - int(0.03 * len(real))]).mean()))
        drawn.append(row)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    for i, name in enumerate(groups):
        for k, figure in enumerate(figures.CURVES):
            around = found[name][figure]
            assert (around["low"], around["high"]) == pytest.approx((low[i, k], high[i, k]), abs=1e-12)
    mean_low = np.quantile(np.mean(drawn, axis=1), 0.025, axis=0)
    assert found["macro"]["auc"]["low"] == pytest.approx(mean_low[0], abs=1e-12)

"""Several heads on the same pictures: numbers, paired draws, and what answers a claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unprompt.errors import DataError, OptionError
from unprompt.evaluation import Claim, HeadScores, Term, measure_heads, roc_auc
from unprompt.evaluation.laboratory import Measurements, ruled

PICTURES = 60
LABELS = [0] * PICTURES + [1] * 2 * PICTURES
GENERATORS = ["real"] * PICTURES + ["a"] * PICTURES + ["b"] * PICTURES
PIXELS = [str(place) for place in range(3 * PICTURES)]


def head(gap: float, seed: int, failed: int = 0) -> HeadScores:
    """Scores whose classes lie ``gap`` standard deviations apart."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, len(LABELS)) + gap * np.array(LABELS)
    raw = 1 / (1 + np.exp(-logits))
    return HeadScores(LABELS, GENERATORS, PIXELS, raw, raw, failed)


def measured(**rows: list[HeadScores]) -> Measurements:
    heads = {(row, ""): [{"": one} for one in several] for row, several in rows.items()}
    return measure_heads(heads, {key: ["a"] for key in rows}, repeats=200)


def claim(plus: list[str], minus: list[str], above: float = 0.0) -> Claim:
    return Claim("it is better", "auc", tuple(map(Term, plus)), tuple(map(Term, minus)), above)


@pytest.mark.parametrize(
    ("low", "high", "above", "answer"),
    [
        (0.1, 2.0, 0.0, "holds"),
        (-3.0, -0.1, 0.0, "does not hold"),
        (-1.0, 1.0, 0.0, "undecided"),
        (0.0, 1.0, 0.0, "undecided"),
        (-1.5, 1.0, -2.0, "holds"),
        (-4.0, -2.5, -2.0, "does not hold"),
        (-2.5, 1.0, -2.0, "undecided"),
        (0.5, 1.5, 1.0, "undecided"),
    ],
)
def test_the_rule_has_three_answers(low: float, high: float, above: float, answer: str) -> None:
    assert ruled(low, high, above) == answer


def test_claims_are_answered_by_hand_made_numbers() -> None:
    good, bad = head(3.0, 0), head(0.5, 1)
    found = measured(good=[good], bad=[bad], same=[replace(bad, probabilities=bad.probabilities**2)])
    assert found.rule(claim(["good"], ["bad"]), {}).answer == "holds"
    assert found.rule(claim(["bad"], ["good"]), {}).answer == "does not hold"
    assert found.rule(claim(["bad"], ["head"]), {"head": "no weights"}).reason == "no weights"
    same = found.rule(claim(["same"], ["bad"]), {})  # the same ranking: no difference in any draw
    assert (same.answer, same.difference, same.low, same.high) == ("undecided", 0.0, 0.0, 0.0)
    assert found.rule(claim(["same"], ["bad"], above=-1.0), {}).answer == "holds"
    by_hand = [
        np.mean(
            [
                roc_auc([0] * PICTURES + [1] * PICTURES, [*one.probabilities[:PICTURES], *part])
                for part in (one.probabilities[PICTURES : 2 * PICTURES], one.probabilities[2 * PICTURES :])
            ]
        )
        for one in (good, bad)
    ]
    gap = found.rule(claim(["good"], ["bad"]), {})
    assert gap.difference == pytest.approx(100 * (by_hand[0] - by_hand[1]))
    assert (gap.n_real, gap.n_generated) == (PICTURES, 2 * PICTURES)
    double = found.rule(claim(["good", "good"], ["bad", "bad"]), {})
    assert (double.difference, double.low) == pytest.approx((2 * gap.difference, 2 * gap.low))


def test_pairs_are_drawn_together() -> None:
    """Two heads that agree but for a little: their difference is known much better than either."""
    one = head(1.0, 0)
    other = replace(one, probabilities=np.clip(one.probabilities + 0.02 * (np.array(LABELS) - 0.5), 0, 1))
    found = measured(one=[one], other=[other])
    alone = found.cells["one", ""]["macro"]["auc"].interval()
    gap = found.rule(claim(["other"], ["one"]), {})
    assert gap.high - gap.low < 0.3 * 100 * (alone.high - alone.low)
    assert gap.answer == "holds"


def test_heads_may_be_asked_about_a_generator_each() -> None:
    first, second = [head(0.5, 0), head(1.0, 1)], [head(1.0, 2), head(0.2, 3)]
    apart = [replace(one, only=name) for name, several in (("a", first), ("b", second)) for one in several]
    found = measured(first=first, second=second, apart=apart)
    one, other = (found.cells[name, ""]["b"]["auc"].drawn for name in ("first", "second"))
    ruling, gaps = found.rule(claim(["apart"], ["first"]), {}), 100 * (other - one) / 2
    assert (ruling.low, ruling.high) == pytest.approx(tuple(np.quantile(gaps, [0.025, 0.975])))


def test_seeds_are_averaged_and_widen_the_interval() -> None:
    good, bad = head(3.0, 0), head(0.2, 1)
    found, one = measured(mixed=[good, bad, good]), measured(mixed=[good])
    values = [measured(x=[each]).cells["x", ""]["macro"]["auc"].value for each in (good, bad, good)]
    mixed = found.cells["mixed", ""]["macro"]["auc"]
    assert mixed.value == pytest.approx(np.mean(values))
    around, alone = mixed.interval(), one.cells["mixed", ""]["macro"]["auc"].interval()
    assert around.high - around.low > 3 * (alone.high - alone.low)


def test_unseen_is_the_mean_of_what_was_not_learned_from() -> None:
    found = measured(x=[head(1.0, 0)])
    rows = found.cells["x", ""]
    assert rows["unseen"]["auc"].value == rows["b"]["auc"].value
    assert rows["macro"]["auc"].value == pytest.approx((rows["a"]["auc"].value + rows["b"]["auc"].value) / 2)
    assert found.rule(Claim("", "auc", (Term("x", "c"),)), {}).reason == "there are no pictures by c"


def test_pictures_are_joined_whatever_their_order_and_copies_count_once() -> None:
    one = head(2.0, 0, failed=3)
    back = slice(None, None, -1)
    other = HeadScores(LABELS[back], GENERATORS[back], PIXELS[back], one.probabilities[back], one.raw[back])
    lacking = HeadScores(LABELS[:-1], GENERATORS[:-1], [*PIXELS[:-2], PIXELS[-3]], one.probabilities[:-1], one.raw[:-1])
    found = measured(one=[one], other=[other])
    assert found.rule(claim(["one"], ["other"]), {}).difference == 0.0
    assert found.n_failed == 3
    fewer = measured(lacking=[lacking], one=[one])
    counts = fewer.counts["b"]
    assert (counts.generated, counts.copies, counts.real) == (PICTURES - 2, 1, PICTURES)
    with pytest.raises(DataError, match="have no picture in common"):
        measured(one=[one], other=[replace(one, pixels=[f"x{name}" for name in PIXELS])])
    with pytest.raises(OptionError, match="repeats is 0, expected at least 1"):
        measure_heads({("one", ""): [{"": one}]}, {"one": []}, repeats=0)

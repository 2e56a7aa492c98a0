"""Is one detector better than another? Both on the same pictures, drawn anew together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from unprompt.datasets.pairs import NO_PAIRS
from unprompt.errors import DataError, OptionError
from unprompt.evaluation.arrays import Floats, check_level, check_rate, checked_probabilities
from unprompt.evaluation.bootstrap import percentile
from unprompt.evaluation.delong import LEAST, auc_difference
from unprompt.evaluation.pictures import MACRO, POOLED, group_rows
from unprompt.evaluation.rates import NAMES, BinaryMetrics, measure, rates_of, resampled_rates


@dataclass(frozen=True)
class Difference:
    """One metric of the first detector minus that of the second."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    """Two-sided, of no difference; not corrected for the number of rows and metrics."""
    level: float
    method: Literal["bootstrap", "delong"] = "bootstrap"


@dataclass(frozen=True)
class Comparison:
    """Two detectors on the pictures that both have scored."""

    first: str
    second: str
    n_real: int
    n_generated: int
    rows: dict[str, dict[str, Difference]]
    """Generator, ``macro`` or ``pooled`` -> metric -> difference."""


def compare_scores(
    labels: npt.ArrayLike,
    first: Sequence[float] | Floats,
    second: Sequence[float] | Floats,
    generators: Sequence[str],
    threshold: float = 0.5,
    *,
    raw: tuple[Floats, Floats] | None = None,
    names: tuple[str, str] = ("first", "second"),
    pixels: Sequence[str | None] | None = None,
    pairs: Mapping[str, str] = NO_PAIRS,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """The paired differences of every metric; the AUC's are DeLong's, all others and those of ``macro`` drawn.

    ``raw`` are the heads' own outputs before calibration; without them the scores are. Each draw takes the same
    pictures for both. A drawn p is twice the share of draws on the other side of 0, each side counting one draw more,
    so that it is never 0.
    """
    check_rate("threshold", threshold)
    check_level(level)
    if repeats < 1:
        raise OptionError(f"repeats is {repeats}, expected at least 1, such as 1000")
    generated, one = checked_probabilities(labels, first)
    other = checked_probabilities(labels, second)[1]
    if len(generators) != generated.size:
        raise DataError(f"got {generated.size} labels and {len(generators)} generators: give one of each a picture")
    found = group_rows(generated, np.zeros(generated.size, np.bool_), generators, pixels, pairs)
    columns = zip((one, other), raw or (one, other), strict=True)
    sides = [measure(found, column, threshold, own) for column, own in columns]
    ours, theirs = (rates_of(found, side) for side in sides)
    our_draws, their_draws = resampled_rates(found, sides, repeats, seed)
    rows = {
        name: {
            metric: _difference(float(ours[name][i]), float(theirs[name][i]), drawn[:, i], level)
            for i, metric in enumerate(NAMES)
        }
        for name in (*(name for name in found.rows if name != POOLED), MACRO, POOLED)
        for drawn in [our_draws[name] - their_draws[name]]
    }
    for name, row in sides[0].items():
        if min(row.generated.sum(), (~row.generated).sum()) >= LEAST:
            rows[name]["auc"] = _delong(row, sides[1][name], level)
    pooled = found.generated[found.rows[POOLED].members]
    return Comparison(*names, int((~pooled).sum()), int(pooled.sum()), rows)


def _difference(first: float, second: float, drawn: Floats, level: float) -> Difference:
    around = percentile(first - second, drawn, level)
    below, above = ((1 + int(side.sum())) / (1 + drawn.size) for side in (drawn <= 0, drawn >= 0))
    p = min(1.0, 2 * min(below, above))
    return Difference(first, second, around.estimate, around.low, around.high, p, level)


def _delong(first: BinaryMetrics, second: BinaryMetrics, level: float) -> Difference:
    found = auc_difference(first.generated, first.probabilities, second.probabilities, level)
    difference = found.first - found.second
    return Difference(found.first, found.second, difference, found.low, found.high, found.p, level, "delong")

"""Is one detector better than another? Both on the same pictures, drawn anew together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from unprompt.errors import DataError, OptionError
from unprompt.evaluation.arrays import Floats, probable, share_level, unit_rate
from unprompt.evaluation.delong import LEAST, auc_difference
from unprompt.evaluation.pictures import MACRO, NOTHING, POOLED, Pictures, column, group_rows
from unprompt.evaluation.rates import NAMES, BinaryMetrics, mean, values


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
    names: tuple[str, str] = ("first", "second"),
    pixels: Sequence[str | None] | None = None,
    pairs: Mapping[str, str] = NOTHING,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """The paired differences of every metric; the AUC's are DeLong's, all others and those of ``macro`` drawn.

    Each draw takes the same pictures for both. A drawn p is twice the share of draws on the other side of 0, each
    side counting one draw more, so that it is never 0.
    """
    unit_rate("threshold", threshold)
    share_level(level)
    if repeats < 1:
        raise OptionError(f"repeats is {repeats}, expected at least 1, such as 1000")
    generated, one = probable(labels, first)
    other = probable(labels, second)[1]
    if len(generators) != generated.size:
        raise DataError(f"got {generated.size} labels and {len(generators)} generators: give one of each a picture")
    found = group_rows(generated, np.zeros(generated.size, np.bool_), generators, pixels, pairs)
    measured = [_measured(found, column(told, found.places), threshold) for told in (one, other)]
    ours, theirs = (_rows({name: values(row.rates()) for name, row in side.items()}) for side in measured)
    drawn = _drawn(found, measured, repeats, seed)
    rows = {
        name: {
            metric: _difference(float(ours[name][place]), float(theirs[name][place]), drawn[name][:, place], level)
            for place, metric in enumerate(NAMES)
        }
        for name in ours
    }
    for name, row in measured[0].items():
        if min(row.generated.sum(), (~row.generated).sum()) >= LEAST:
            rows[name]["auc"] = _delong(row, measured[1][name], level)
    pooled = found.generated[found.rows[POOLED].members]
    return Comparison(*names, int((~pooled).sum()), int(pooled.sum()), rows)


def _measured(found: Pictures, scores: Floats, threshold: float) -> dict[str, BinaryMetrics]:
    return {
        name: BinaryMetrics(found.generated[row.members], scores[row.members], threshold)
        for name, row in found.rows.items()
    }


def _rows(by_generator: Mapping[str, Floats]) -> dict[str, Floats]:
    """With ``macro`` before ``pooled``."""
    found = dict(by_generator)
    pooled = found.pop(POOLED)
    return {**found, MACRO: mean(by_generator, POOLED), POOLED: pooled}


def _drawn(found: Pictures, measured: Sequence[dict[str, BinaryMetrics]], repeats: int, seed: int) -> dict[str, Floats]:
    """Row -> repeats x metrics differences."""
    made: dict[str, list[Floats]] = {name: [] for name in (*found.rows, MACRO)}
    for counts in found.draws(repeats, seed):
        sides = [
            _rows({name: values(row.rates(counts[found.rows[name].members])) for name, row in side.items()})
            for side in measured
        ]
        for name, rows in made.items():
            rows.append(sides[0][name] - sides[1][name])
    return {name: np.stack(rows) for name, rows in made.items()}


def _difference(first: float, second: float, drawn: Floats, level: float) -> Difference:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    below, above = ((1 + int(side.sum())) / (1 + drawn.size) for side in (drawn <= 0, drawn >= 0))
    return Difference(first, second, first - second, float(low), float(high), min(1.0, 2 * min(below, above)), level)


def _delong(first: BinaryMetrics, second: BinaryMetrics, level: float) -> Difference:
    found = auc_difference(first.generated, first.probabilities, second.probabilities, level)
    one, other = first.rates().auc, second.rates().auc  # the same, but for the last bits
    return Difference(one, other, one - other, found.low, found.high, found.p, level, "delong")

"""A test set's scores -> one table: a row a generator, their mean, and all pictures together, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from unprompt.datasets.pairs import NO_PAIRS
from unprompt.errors import DataError, OptionError
from unprompt.evaluation.arrays import Floats, check_level, check_rate, checked_probabilities
from unprompt.evaluation.bootstrap import Interval, percentile
from unprompt.evaluation.difference import Comparison
from unprompt.evaluation.pictures import MACRO, POOLED, GeneratorRow, Pictures, group_rows
from unprompt.evaluation.rates import NAMES, BinaryMetrics, Rates, measure, rates_of, resampled_rates
from unprompt.evaluation.verdicts import Bounds, Verdicts


@dataclass(frozen=True)
class Metrics(Rates):
    """The rates with the pictures that they rest on."""

    n_real: int
    n_generated: int
    n_failed: int
    """Pictures of this row without a score; in no rate and in neither of the other counts."""
    n_copies: int = 0
    """Pictures with the pixels of another of this row; in no rate and in none of the other counts."""


@dataclass(frozen=True)
class EvaluationTable:
    """``pooled`` and ``macro`` count the same pictures; ``macro`` is the plain mean of the generators' rates."""

    generators: dict[str, Metrics]
    """By name: the fakes of one generator against the real pictures that it is paired with, or all."""
    macro: Metrics
    pooled: Metrics
    threshold: float
    """Probability above which a picture counts as generated in the accuracies but the raw one, whose is 0.5."""
    intervals: dict[str, dict[str, Interval]] = field(default_factory=dict)
    """Row -> metric -> interval; of ``macro`` all by bootstrap."""
    bounds: Bounds | None = None
    verdicts: dict[str, Verdicts] = field(default_factory=dict)
    """Generator or ``pooled`` -> what the checkpoint's own thresholds make of its pictures."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """All that moved a figure: checkpoint, data, split, perturbation, seeds."""
    perturbed: dict[str, EvaluationTable] = field(default_factory=dict)
    """Perturbation -> the table of the same pictures after it."""
    ungrounded: Mapping[str, float] = field(default_factory=dict)
    """Class -> share of its pictures without a grounded object; empty where no object is looked for."""
    against: Comparison | None = None
    """The difference from another detector on the same pictures."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    def rows(self) -> list[tuple[str, Metrics]]:
        """The rows in the order of print: generators by name, then macro and pooled."""
        return [*self.generators.items(), (MACRO, self.macro), (POOLED, self.pooled)]


def evaluate_scores(
    labels: npt.ArrayLike,
    probabilities: Sequence[float | None] | Floats,
    generators: Sequence[str],
    threshold: float = 0.5,
    *,
    raw: Sequence[float | None] | Floats | None = None,
    pixels: Sequence[str | None] | None = None,
    pairs: Mapping[str, str] = NO_PAIRS,
    bounds: Bounds | None = None,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> EvaluationTable:
    """The table of N test pictures; a probability of None is a picture that failed, NaN is an error.

    ``raw`` are the head's own outputs in [0, 1] before its calibration; without them the probabilities are.
    ``generators`` names each picture's generator, or collection for a real one: a generator is measured against
    the reals that ``pairs`` names, else those its benchmark pairs it with, else all. Pictures with the same ``pixels``
    and label count once a row. Intervals are DeLong's for the AUC, Wilson's for the accuracy of one class, else the
    percentiles of ``repeats`` stratified draws of pictures (0 = no interval); ``seed`` decides the draws.
    """
    check_rate("threshold", threshold)
    check_level(level)
    if repeats < 0:
        raise OptionError(f"repeats is {repeats}, expected 0 or more, such as 1000")
    sizes = np.size(np.asarray(labels)), len(probabilities), len(generators)
    if len(set(sizes)) > 1:
        raise DataError(
            f"got {sizes[0]} labels, {sizes[1]} probabilities and {sizes[2]} generators: give one of each a picture"
        )
    failed = np.array([p is None for p in probabilities], dtype=np.bool_)
    generated, filled = checked_probabilities(labels, [0.0 if p is None else p for p in probabilities])
    found = group_rows(generated, failed, generators, pixels, pairs)
    own = None if raw is None else checked_probabilities(labels, [0.0 if p is None else p for p in raw])[1]
    measured = measure(found, filled, threshold, own)
    rates = {name: row.tolist() for name, row in rates_of(found, measured).items()}
    tables = {name: _metrics(rates[name], one, found.rows[name]) for name, one in measured.items()}
    return EvaluationTable(
        generators={name: one for name, one in tables.items() if name != POOLED},
        macro=replace(tables[POOLED], **dict(zip(NAMES, rates[MACRO], strict=True))),
        pooled=tables[POOLED],
        threshold=threshold,
        intervals=_intervals(found, measured, rates, repeats, level, seed) if repeats else {},
        bounds=bounds,
        verdicts={name: Verdicts.of(one.generated, one.probabilities, bounds) for name, one in measured.items()}
        if bounds
        else {},
    )


def _metrics(rates: Sequence[float], measured: BinaryMetrics, row: GeneratorRow) -> Metrics:
    return Metrics(
        **vars(Rates(*rates)),
        n_real=int((~measured.generated).sum()),
        n_generated=int(measured.generated.sum()),
        n_failed=row.n_failed,
        n_copies=row.n_copies,
    )


def _intervals(
    found: Pictures,
    measured: Mapping[str, BinaryMetrics],
    rates: Mapping[str, Sequence[float]],
    repeats: int,
    level: float,
    seed: int,
) -> dict[str, dict[str, Interval]]:
    (drawn,) = resampled_rates(found, [measured], repeats, seed)
    return {
        name: {metric: percentile(row[i], drawn[name][:, i], level) for i, metric in enumerate(NAMES)}
        | (measured[name].exact_intervals(level) if name in measured else {})
        for name, row in rates.items()
    }

"""Several heads on the same test pictures, drawn anew together: every number of a table, and what answers its claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.datasets.pairs import NO_PAIRS
from unprompt.errors import DataError, OptionError
from unprompt.evaluation.arrays import Floats
from unprompt.evaluation.bootstrap import Interval, percentile
from unprompt.evaluation.pictures import MACRO, POOLED, group_rows
from unprompt.evaluation.rates import NAMES, measure, rates_of, resampled_rates
from unprompt.evaluation.recipe import Claim, Term

UNSEEN: Final = "unseen"
"""Mean of the generators that a head has not learned from."""
MEAN: Final = "mean"
"""Of a term: over all perturbations of the table."""
LEVEL: Final = 0.95

Answer: TypeAlias = Literal["holds", "does not hold", "undecided", "not run"]
CellKey: TypeAlias = tuple[str, str]
"""Row of the recipe, perturbation."""


@dataclass(frozen=True, eq=False)
class HeadScores:
    """What one head says of N test pictures; ``labels`` are 1 where it should say yes."""

    labels: Sequence[int]
    generators: Sequence[str]
    pixels: Sequence[str]
    """Hashes before a perturbation, by which pictures of several heads are joined."""
    probabilities: Floats
    raw: Floats
    """The head's own output in [0, 1] before its calibration."""
    failed: int = 0
    """Further pictures, which have no score."""
    only: str = ""
    """The generator that the head is asked about, against its real pictures; empty = all."""
    threshold: float = 0.5
    """The probability above which the head says yes."""

    def subset(self, places: Sequence[int]) -> HeadScores:
        """Of some of the pictures, in the order of ``places``."""
        return replace(
            self,
            labels=[self.labels[one] for one in places],
            generators=[self.generators[one] for one in places],
            pixels=[self.pixels[one] for one in places],
            probabilities=self.probabilities[list(places)],
            raw=self.raw[list(places)],
        )


Views: TypeAlias = Mapping[str, HeadScores]
"""Candidate that a head is asked about -> its scores; one view without a name where generated is told from real."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number, and what it would have been on pictures and seeds that were drawn anew."""

    value: float
    drawn: Floats

    def interval(self) -> Interval:
        """By percentiles, at 95 %."""
        return percentile(self.value, self.drawn, LEVEL)


@dataclass(frozen=True)
class Ruling:
    """A claim and what the measurements say to it."""

    says: str
    metric: str
    answer: Answer
    difference: float | None = None
    """Sum of ``plus`` minus sum of ``minus``, in percentage points."""
    low: float | None = None
    high: float | None = None
    above: float = 0.0
    n_real: int = 0
    n_generated: int = 0
    reason: str = ""
    """Why it was not run."""


@dataclass(frozen=True)
class PictureCounts:
    """Different pictures that a number rests on, and copies of them that were left out."""

    real: int
    generated: int
    copies: int


@dataclass(frozen=True, eq=False)
class Measurements:
    """All numbers of a table."""

    cells: Mapping[CellKey, Mapping[str, Mapping[str, Estimate]]]
    """Row and perturbation -> generator, ``macro`` or ``unseen`` -> metric."""
    counts: Mapping[str, PictureCounts]
    """Of each generator, and of all as ``macro``; of a candidate its own pictures and the others."""
    n_failed: int
    """The most pictures that a head has no score of."""

    def rule(self, claim: Claim, missing: Mapping[str, str]) -> Ruling:
        """The claim's answer; ``missing`` tells why rows were not run."""
        terms = [*claim.plus, *claim.minus]
        for term in terms:
            if term.row in missing:
                return Ruling(claim.says, claim.metric, "not run", above=claim.above, reason=missing[term.row])
        signs = [1] * len(claim.plus) + [-1] * len(claim.minus)
        try:
            found = [self._of(term, claim.metric) for term in terms]
        except KeyError as error:
            why = f"there are no pictures by {error.args[0]}"
            return Ruling(claim.says, claim.metric, "not run", above=claim.above, reason=why)
        total = _combined(found, lambda rows: np.asarray(signs) @ rows)
        around = total.interval()
        low, high = 100 * around.low, 100 * around.high
        answer, counts = ruled(low, high, claim.above), self.counts[MACRO]
        numbers = 100 * total.value, low, high, claim.above, counts.real, counts.generated
        return Ruling(claim.says, claim.metric, answer, *numbers)

    def _of(self, term: Term, metric: str) -> Estimate:
        chains = [chain for row, chain in self.cells if row == term.row and chain]
        wanted = chains if term.perturbation == MEAN else [term.perturbation]
        return mean_of([self.cells[term.row, chain][term.generator][metric] for chain in wanted])


def ruled(low: float, high: float, above: float) -> Answer:
    """Whether an interval lies above a bound, under it, or around it."""
    return "holds" if low > above else "does not hold" if high < above else "undecided"


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The mean, draw by draw."""
    return _combined(estimates, lambda rows: rows.mean(axis=0))


def measure_heads(
    heads: Mapping[CellKey, Sequence[Views]],
    learned: Mapping[str, Iterable[str]],
    *,
    pairs: Mapping[str, str] = NO_PAIRS,
    repeats: int = 1000,
    seed: int = 0,
) -> Measurements:
    """Every cell's scores, a set of views for each seed of training -> numbers with draws that all cells share.

    A row that leaves generators out has several sets for each seed, each with ``only`` one of them.

    Only the pictures count that all heads have a score of. A draw takes pictures anew inside each class of each
    generator and, where there are several, seeds; ``macro`` is the mean over generators or candidates. The views of an
    attribution are drawn apart. ``learned`` names, for each row, the generators that its heads have seen.
    """
    if repeats < 1:
        raise OptionError(f"repeats is {repeats}, expected at least 1, such as 1000")
    names = list(next(iter(heads.values()))[0])
    parts = [_view(heads, name, pairs, repeats, seed) for name in names]
    seeds = len(next(iter(next(iter(parts[0].rates.values())).values())))
    chosen = np.random.default_rng((seed, seeds)).integers(seeds, size=(repeats, seeds))
    cells: dict[CellKey, dict[str, dict[str, Estimate]]] = {}
    for key in heads:
        rows = {
            name: {metric: _over_seeds(values, metric, chosen) for metric in NAMES}
            for part in parts
            for name, values in part.rates[key].items()
        }
        groups = {MACRO: list(rows), UNSEEN: [name for name in rows if name not in set(learned[key[0]])]}
        for mean, members in groups.items():
            if members:
                rows[mean] = {metric: mean_of([rows[name][metric] for name in members]) for metric in NAMES}
        cells[key] = rows
    counts = {name: count for part in parts for name, count in part.counts.items()}
    failed = max(view.failed for views in heads.values() for one in views for view in one.values())
    return Measurements(cells, counts, failed)


def shared_places(members: Sequence[HeadScores]) -> tuple[list[int], list[list[int]]]:
    """Places of the pictures that all have a score of: the first one's, and of each member the first such picture's.

    In the order of the first member; a copy among its pictures stays one.
    """
    keys = [list(zip(one.labels, one.pixels, strict=True)) for one in members]
    tables = [{one: place for place, one in reversed(list(enumerate(each)))} for each in keys]
    kept = [place for place, one in enumerate(keys[0]) if all(one in table for table in tables)]
    return kept, [[table[keys[0][place]] for place in kept] for table in tables]


@dataclass(frozen=True, eq=False)
class _ViewRates:
    rates: Mapping[CellKey, Mapping[str, Sequence[tuple[Floats, Floats]]]]
    """Cell -> row -> for each seed its rates and repeats x rates that were drawn."""
    counts: Mapping[str, PictureCounts]


def _view(
    heads: Mapping[CellKey, Sequence[Views]], name: str, pairs: Mapping[str, str], repeats: int, seed: int
) -> _ViewRates:
    columns = {(key, place): views[name] for key, several in heads.items() for place, views in enumerate(several)}
    kept, places = shared_places(list(columns.values()))
    if not kept:
        raise DataError("the rows of this table have no picture in common: see in the log why pictures failed")
    first = next(iter(columns.values()))
    generated = np.array([first.labels[place] == 1 for place in kept], np.bool_)
    generators, pixels = ([column[place] for place in kept] for column in (first.generators, first.pixels))
    found = group_rows(generated, np.zeros_like(generated), generators, pixels, pairs)
    sides = []
    for ((key, _), each), chosen in zip(columns.items(), places, strict=True):
        measured = measure(found, each.probabilities[chosen], each.threshold, each.raw[chosen])
        if each.only in ("", *measured):
            sides.append((key, {row: one for row, one in measured.items() if each.only in ("", row)}))
    drawn = resampled_rates(found, [side for _, side in sides], repeats, seed)
    rates: dict[CellKey, dict[str, list[tuple[Floats, Floats]]]] = {}
    for (key, side), draws in zip(sides, drawn, strict=True):
        for row, values in rates_of(found, side).items():
            if row not in (POOLED, MACRO):
                rates.setdefault(key, {}).setdefault(row, []).append((values, draws[row]))
    counts = {}
    for row, one in found.rows.items():
        flags = found.generated[one.members]
        made = int(flags.sum())
        counts[MACRO if row == POOLED else row] = PictureCounts(flags.size - made, made, one.n_copies)
    return _ViewRates(rates, counts)


def _over_seeds(values: Sequence[tuple[Floats, Floats]], metric: str, chosen: npt.NDArray[np.int64]) -> Estimate:
    """The mean over seeds; a draw's is over the seeds that it ``chosen``, repeats x seeds."""
    place = NAMES.index(metric)
    drawn = np.stack([draws[:, place] for _, draws in values], axis=1)
    return Estimate(
        float(np.mean([rates[place] for rates, _ in values])), np.take_along_axis(drawn, chosen, axis=1).mean(axis=1)
    )


def _combined(estimates: Sequence[Estimate], combine: Callable[[Floats], Floats]) -> Estimate:
    values = combine(np.array([one.value for one in estimates]))
    return Estimate(float(values), combine(np.stack([one.drawn for one in estimates])))

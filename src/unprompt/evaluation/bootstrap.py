"""How far a metric would have moved on other pictures of the same kind: one way to draw pictures anew, one interval.

``scipy.stats.bootstrap`` has no strata, and sorts the pictures in every draw; here a draw is a count for each picture,
so that pictures are sorted once (``Ranking``), all rows of a table share a draw, and both sides of a comparison too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy

from unprompt.errors import OptionError
from unprompt.evaluation.arrays import Flags, Floats, check_level, checked_scores
from unprompt.evaluation.curve import Counts

Metric: TypeAlias = Callable[[Flags, Floats], float]
"""N labels and N scores -> a number; fix further arguments with ``functools.partial``."""


@dataclass(frozen=True)
class Interval:
    """A metric's value and the interval around it."""

    estimate: float
    low: float
    high: float
    level: float
    method: Literal["bootstrap", "delong", "wilson"] = "bootstrap"


def resamples(strata: Sequence[npt.NDArray[np.intp]], repeats: int, seed: int) -> Iterator[Counts]:
    """``repeats`` times how often each of N pictures is drawn, with replacement inside each stratum.

    The strata hold the places 0 to N - 1, each once; one seed, one answer.
    """
    rng, size = np.random.default_rng(seed), sum(members.size for members in strata)
    for _ in range(repeats):
        counts = np.zeros(size, np.int64)
        for members in strata:
            if members.size:
                chosen = rng.integers(members.size, size=members.size)
                counts[members] = np.bincount(chosen, minlength=members.size)
        yield counts


def bootstrap(
    metric: Metric,
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    level: float = 0.95,
    repeats: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of ``metric``, drawing with replacement inside each class; one seed, one answer."""
    check_level(level)
    if repeats < 1:
        raise OptionError(f"repeats is {repeats}, expected at least 1, such as 1000")
    generated, values = checked_scores(labels, scores)
    classes = [np.flatnonzero(~generated), np.flatnonzero(generated)]
    counted = resamples(classes, repeats, seed)
    drawn = np.array([metric(np.repeat(generated, counts), np.repeat(values, counts)) for counts in counted])
    return percentile(metric(generated, values), drawn, level)


def percentile(estimate: float, drawn: Floats, level: float) -> Interval:
    """The middle share ``level`` of the values of all draws."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)


def wilson(flags: Flags, level: float = 0.95) -> Interval:
    """The share of N >= 1 flags that are up, with Wilson's interval, which keeps its width at 0 and 1 (Wilson 1927)."""
    check_level(level)
    found = scipy.stats.binomtest(int(flags.sum()), flags.size).proportion_ci(level, method="wilson")
    return Interval(int(flags.sum()) / flags.size, float(found.low), float(found.high), level, "wilson")

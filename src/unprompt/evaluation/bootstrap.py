"""How far a metric would have wandered on other pictures of the same kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.errors import OptionError
from unprompt.evaluation.arrays import Flags, Floats, paired

Metric: TypeAlias = Callable[[Flags, Floats], float]
"""N labels and N scores -> a number; fix further arguments with ``functools.partial``."""


@dataclass(frozen=True)
class Interval:
    """A metric's value and the percentile interval around it."""

    estimate: float
    low: float
    high: float
    level: float


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
    if not 0 < level < 1:
        raise OptionError(f"level is {level}, expected a share above 0 and below 1, such as 0.95")
    if repeats < 1:
        raise OptionError(f"repeats is {repeats}, expected at least 1, such as 1000")
    generated, values = paired(labels, scores)
    classes = [np.flatnonzero(~generated), np.flatnonzero(generated)]
    draws = np.random.default_rng(seed)
    drawn = np.empty(repeats)
    for i in range(repeats):
        chosen = np.concatenate([draws.choice(members, members.size) for members in classes if members.size])
        drawn[i] = metric(generated[chosen], values[chosen])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(metric(generated, values), float(low), float(high), level)

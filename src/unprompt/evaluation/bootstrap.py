"""How far a metric would have wandered on other pictures of the same kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from unprompt.errors import OptionError
from unprompt.evaluation.arrays import Flags, Floats, paired, share_level

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
    share_level(level)
    if repeats < 1:
        raise OptionError(f"repeats is {repeats}, expected at least 1, such as 1000")
    generated, values = paired(labels, scores)
    classes = [np.flatnonzero(~generated), np.flatnonzero(generated)]
    draws = np.random.default_rng(seed)
    drawn = np.empty(repeats)
    for i in range(repeats):
        chosen = np.concatenate([draws.choice(members, members.size) for members in classes if members.size])
        drawn[i] = metric(generated[chosen], values[chosen])
    return percentile(metric(generated, values), drawn, level)


def percentile(estimate: float, drawn: Floats, level: float) -> Interval:
    """The middle share ``level`` of what was drawn."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)


def wilson(share: float, count: int, level: float = 0.95) -> Interval:
    """Wilson's interval of a share of ``count`` pictures, which keeps its width at 0 and 1 (Wilson 1927)."""
    share_level(level)
    z = float(ndtri((1 + level) / 2))
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), level, "wilson")

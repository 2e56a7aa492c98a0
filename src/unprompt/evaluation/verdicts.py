"""What a checkpoint's two thresholds make of test pictures, beside what they promised on validation pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from unprompt.errors import OptionError
from unprompt.evaluation.arrays import Flags, Floats


@dataclass(frozen=True)
class Bounds:
    """Below ``lower`` = real, above ``upper`` = generated, else inconclusive; and what that promises."""

    lower: float
    upper: float
    fpr: float
    """Promised share of real pictures called generated, at most."""
    fnr: float
    """Promised share of generated pictures called real, at most."""
    conformal: bool = False
    """The promise holds for new pictures of the same kind, on average over validation sets; else for those alone."""

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.upper <= 1:
            raise OptionError(f"bounds are {self.lower} and {self.upper}, expected 0 <= lower <= upper <= 1")


@dataclass(frozen=True)
class Verdicts:
    """Shares of each class, in [0, 1]."""

    real_called_generated: float
    """To hold against the promised ``fpr``."""
    real_inconclusive: float
    generated_called_real: float
    """To hold against the promised ``fnr``."""
    generated_inconclusive: float
    coverage: float
    """Share of pictures, both classes weighing one half, of which the verdict is right or inconclusive."""

    @classmethod
    def of(cls, generated: Flags, probabilities: Floats, bounds: Bounds) -> Self:
        """Of N pictures of both classes."""
        above, below = probabilities > bounds.upper, probabilities < bounds.lower
        open_ = ~above & ~below
        false_alarms, misses = float(above[~generated].mean()), float(below[generated].mean())
        return cls(
            real_called_generated=false_alarms,
            real_inconclusive=float(open_[~generated].mean()),
            generated_called_real=misses,
            generated_inconclusive=float(open_[generated].mean()),
            coverage=1 - float(np.mean([false_alarms, misses])),
        )

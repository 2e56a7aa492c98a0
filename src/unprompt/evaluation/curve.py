"""The ROC curve of scores that were sorted once, under whatever counts of the pictures; what can be read off it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.evaluation.arrays import Flags, Floats

Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Curve:
    """False and true positives at every threshold that can be told apart: from none called generated to all."""

    false: Counts
    true: Counts

    @cached_property
    def fpr(self) -> Floats:
        """False-positive rate at each of them, never falling from 0 to 1."""
        return np.asarray(self.false / self.false[-1])

    def auc(self) -> float:
        """Area under the curve; a tie counts one half."""
        doubled_area = int(np.sum(np.diff(self.false) * (self.true[1:] + self.true[:-1])))  # integers: exact
        return doubled_area / (2 * int(self.false[-1]) * int(self.true[-1]))

    def average_precision(self) -> float:
        """Mean precision over the steps of recall, without interpolation."""
        gained = np.diff(self.true)
        steps = gained > 0
        true, false = self.true[1:][steps], self.false[1:][steps]
        return float(np.sum(gained[steps] * (true / (true + false))) / self.true[-1])

    def tpr_at_fpr(self, fpr: float) -> float:
        """Largest true-positive rate with a false-positive rate of at most ``fpr``."""
        return float(self.true[np.searchsorted(self.fpr, fpr, side="right") - 1] / self.true[-1])

    def eer(self) -> float:
        """Where the curve, drawn with straight lines, has FPR = 1 - TPR."""
        fnr = 1 - self.true / self.true[-1]
        return float(np.interp(0.0, self.fpr - fnr, self.fpr))  # the difference never falls, from -1 to 1


@dataclass(frozen=True, eq=False)
class Ranking:
    """N pictures by falling score; the ends are the last of each group of ties."""

    order: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]
    generated: Flags
    """In that order."""

    @classmethod
    def of(cls, generated: Flags, scores: Floats) -> Self:
        """From checked columns."""
        order = np.argsort(-scores)
        return cls(order, np.flatnonzero(np.diff(scores[order], append=-np.inf)), generated[order])

    def curve(self, counts: Counts | None = None) -> Curve:
        """The curve when picture i, in the order that was given, counts ``counts[i]`` times; once by default."""
        weights = np.ones(self.order.size, np.int64) if counts is None else counts[self.order]
        called = np.cumsum(weights)[self.ends]
        true = np.cumsum(weights * self.generated)[self.ends]
        return Curve(np.append(0, called - true), np.append(0, true))

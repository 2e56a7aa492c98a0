"""Everything that is measured of one row of pictures, for any counts of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from unprompt.evaluation.arrays import Flags, Floats
from unprompt.evaluation.curve import Counts, Ranking
from unprompt.evaluation.metrics import BINS, bin_of, sample_log_loss


@dataclass(frozen=True)
class Rates:
    """What is measured; in [0, 1] and the higher the better, but for ``eer``, ``ece`` and ``nll``."""

    auc: float
    ap: float
    accuracy: float
    balanced_accuracy: float
    real_accuracy: float
    fake_accuracy: float
    tpr_at_1: float
    """True-positive rate at a false-positive rate of at most 1 %."""
    tpr_at_5: float
    """True-positive rate at a false-positive rate of at most 5 %."""
    eer: float
    ece: float
    """Expected calibration error over 15 bins of equal width, both classes weighing one half (prior 0.5)."""
    nll: float
    """Mean negative log-likelihood in nats, both classes weighing one half; chance is 0.693."""


NAMES = tuple(field.name for field in fields(Rates))


class BinaryMetrics:
    """N scored pictures, sorted and binned once."""

    def __init__(self, generated: Flags, probabilities: Floats, threshold: float) -> None:
        self.generated = generated
        self.probabilities = probabilities
        self._ranking = Ranking.of(generated, probabilities)
        self._right = (probabilities > threshold) == generated
        self._bins = bin_of(probabilities)
        self._surprise = sample_log_loss(generated, probabilities)

    def rates(self, counts: Counts | None = None) -> Rates:
        """When picture i counts ``counts[i]`` times, once by default; both classes need a count."""
        times = np.ones(self.generated.size, np.int64) if counts is None else counts
        curve = self._ranking.curve(times)
        weights = np.where(self.generated, 0.5 / curve.true[-1], 0.5 / curve.false[-1]) * times
        fake = int(times @ (self._right & self.generated)) / int(curve.true[-1])
        real = int(times @ (self._right & ~self.generated)) / int(curve.false[-1])
        gaps = np.bincount(self._bins, weights * (self.generated - self.probabilities), minlength=BINS)
        return Rates(
            auc=curve.auc(),
            ap=curve.average_precision(),
            accuracy=int(times @ self._right) / int(times.sum()),
            balanced_accuracy=(real + fake) / 2,
            real_accuracy=real,
            fake_accuracy=fake,
            tpr_at_1=curve.tpr_at_fpr(0.01),
            tpr_at_5=curve.tpr_at_fpr(0.05),
            eer=curve.eer(),
            ece=float(np.abs(gaps).sum()),
            nll=float(weights @ self._surprise),
        )


def values(rates: Rates) -> Floats:
    """The rates in the order of ``NAMES``."""
    return np.array([getattr(rates, name) for name in NAMES])


def mean(rows: Mapping[str, Floats], without: str) -> Floats:
    """The plain mean of all rows but one."""
    return np.asarray(np.mean([row for name, row in rows.items() if name != without], axis=0))

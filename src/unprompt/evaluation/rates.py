"""Everything that is measured of one row of pictures, for any counts of them, and of all rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from unprompt.evaluation.arrays import Flags, Floats
from unprompt.evaluation.bootstrap import Interval, wilson
from unprompt.evaluation.curve import Counts, Ranking
from unprompt.evaluation.delong import LEAST, auc_interval
from unprompt.evaluation.metrics import bin_of, calibration_error, sample_log_loss
from unprompt.evaluation.pictures import MACRO, POOLED, Pictures


@dataclass(frozen=True)
class Rates:
    """What is measured; in [0, 1] and the higher the better, but for ``eer``, ``ece`` and ``nll``."""

    auc: float
    ap: float
    accuracy: float
    raw_accuracy: float
    """Accuracy at 0.5 of the head's own output, before its calibration, as papers without validation data state it."""
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

    def __init__(self, generated: Flags, probabilities: Floats, threshold: float, raw: Floats | None = None) -> None:
        self.generated = generated
        self.probabilities = probabilities
        self._ranking = Ranking.of(generated, probabilities)
        self._right = (probabilities > threshold) == generated
        self._raw_right = ((probabilities if raw is None else raw) > 0.5) == generated
        self._bins = bin_of(probabilities)
        self._log_loss = sample_log_loss(generated, probabilities)

    def rates(self, counts: Counts | None = None) -> Rates:
        """When picture i counts ``counts[i]`` times, once by default; both classes need a count."""
        times = np.ones(self.generated.size, np.int64) if counts is None else counts
        curve = self._ranking.curve(times)
        weights = np.where(self.generated, 0.5 / curve.true[-1], 0.5 / curve.false[-1]) * times
        fake = int(times @ (self._right & self.generated)) / int(curve.true[-1])
        real = int(times @ (self._right & ~self.generated)) / int(curve.false[-1])
        return Rates(
            auc=curve.auc(),
            ap=curve.average_precision(),
            accuracy=int(times @ self._right) / int(times.sum()),
            raw_accuracy=int(times @ self._raw_right) / int(times.sum()),
            balanced_accuracy=(real + fake) / 2,
            real_accuracy=real,
            fake_accuracy=fake,
            tpr_at_1=curve.tpr_at_fpr(0.01),
            tpr_at_5=curve.tpr_at_fpr(0.05),
            eer=curve.eer(),
            ece=calibration_error(self._bins, weights * (self.generated - self.probabilities)),
            nll=float(weights @ self._log_loss),
        )

    def exact_intervals(self, level: float) -> dict[str, Interval]:
        """Those that need no draw: Wilson's of the shares of one class, DeLong's of the AUC with two of each class."""
        found = {
            "real_accuracy": wilson(self._right[~self.generated], level),
            "fake_accuracy": wilson(self._right[self.generated], level),
        }
        if min(self.generated.sum(), (~self.generated).sum()) >= LEAST:
            found["auc"] = auc_interval(self.generated, self.probabilities, level)
        return found


def measure(
    found: Pictures, probabilities: Floats, threshold: float, raw: Floats | None = None
) -> dict[str, BinaryMetrics]:
    """Row -> its pictures, from the probabilities of the columns that ``found`` was grouped from.

    ``raw`` are the head's own outputs; without them the probabilities are.
    """
    scores, own = probabilities[found.places], (probabilities if raw is None else raw)[found.places]
    return {
        name: BinaryMetrics(found.generated[row.members], scores[row.members], threshold, own[row.members])
        for name, row in found.rows.items()
    }


def rates_of(found: Pictures, measured: Mapping[str, BinaryMetrics], counts: Counts | None = None) -> dict[str, Floats]:
    """Row -> its rates in the order of ``NAMES`` when pictures count ``counts`` times.

    The last row is ``macro``, the plain mean of the generators' rows.
    """
    rows = {
        name: np.array(list(vars(one.rates(None if counts is None else counts[found.rows[name].members])).values()))
        for name, one in measured.items()
    }
    return {**rows, MACRO: np.asarray(np.mean([row for name, row in rows.items() if name != POOLED], axis=0))}


def resampled_rates(
    found: Pictures, sides: Sequence[Mapping[str, BinaryMetrics]], repeats: int, seed: int
) -> list[dict[str, Floats]]:
    """Of each side, row -> repeats x metrics; a draw takes the same pictures for all sides and rows."""
    drawn = [[rates_of(found, side, counts) for side in sides] for counts in found.draws(repeats, seed)]
    return [{name: np.stack([one[i][name] for one in drawn]) for name in drawn[0][i]} for i in range(len(sides))]

"""A test set's scores -> one table: a row a generator, their mean, and all pictures together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from unprompt.errors import DataError
from unprompt.evaluation import metrics
from unprompt.evaluation.arrays import Flags, Floats, probable, unit_rate

UNKNOWN = "unknown"
"""Row of the generated pictures whose generator has no name."""


@dataclass(frozen=True)
class Rates:
    """What is measured, each in [0, 1]; higher is better but for ``eer`` and ``ece``."""

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


@dataclass(frozen=True)
class Metrics(Rates):
    """The rates with the pictures that they rest on."""

    n_real: int
    n_generated: int
    n_failed: int
    """Pictures of this row without a score; in no rate and in neither of the other counts."""


@dataclass(frozen=True)
class EvaluationTable:
    """``pooled`` and ``macro`` count the same pictures; ``macro`` is the plain mean of the generators' rates."""

    generators: dict[str, Metrics]
    """By name: the fakes of one generator against all real pictures."""
    macro: Metrics
    pooled: Metrics
    threshold: float
    """Probability above which a picture counts as generated in the four accuracies."""

    def to_dict(self) -> dict[str, object]:
        """JSON-ready fields."""
        return asdict(self)

    def rows(self) -> list[tuple[str, Metrics]]:
        """The rows in the order of print: generators by name, then macro and pooled."""
        return [*self.generators.items(), ("macro", self.macro), ("pooled", self.pooled)]


def evaluate_scores(
    labels: npt.ArrayLike,
    probabilities: Sequence[float | None] | Floats,
    generators: Sequence[str],
    threshold: float = 0.5,
) -> EvaluationTable:
    """The table of N test pictures; a probability of None is a picture that failed, NaN is an error.

    ``generators`` names each picture's generator; what it says of a real picture is not read.
    """
    unit_rate("threshold", threshold)
    sizes = np.size(np.asarray(labels)), len(probabilities), len(generators)
    if len(set(sizes)) > 1:
        raise DataError(
            f"got {sizes[0]} labels, {sizes[1]} probabilities and {sizes[2]} generators: give one of each a picture"
        )
    failed = np.array([p is None for p in probabilities], dtype=np.bool_)
    generated, values = probable(labels, [0.0 if p is None else p for p in probabilities])
    names = np.array([name or UNKNOWN for name in generators])
    by_generator = {
        str(name): _measure(generated, values, failed, ~generated | (names == name), str(name), threshold)
        for name in np.unique(names[generated])
    }
    pooled = _measure(generated, values, failed, np.ones_like(failed), "all generators", threshold)
    return EvaluationTable(by_generator, _macro(by_generator, pooled), pooled, threshold)


def _measure(generated: Flags, values: Floats, failed: Flags, members: Flags, name: str, threshold: float) -> Metrics:
    chosen = members & ~failed
    labels, scores = generated[chosen], values[chosen]
    n_real, n_generated, n_failed = int((~labels).sum()), int(labels.sum()), int((members & failed).sum())
    if not (n_real and n_generated):
        raise DataError(
            f"{name}: {n_real} real and {n_generated} generated pictures have a score, {n_failed} failed; at least one "
            "of each is needed: add pictures, or see why they failed"
        )
    return Metrics(
        auc=metrics.roc_auc(labels, scores),
        ap=metrics.average_precision(labels, scores),
        accuracy=metrics.accuracy(labels, scores, threshold),
        balanced_accuracy=metrics.balanced_accuracy(labels, scores, threshold),
        real_accuracy=metrics.real_accuracy(labels, scores, threshold),
        fake_accuracy=metrics.fake_accuracy(labels, scores, threshold),
        tpr_at_1=metrics.tpr_at_fpr(labels, scores, 0.01),
        tpr_at_5=metrics.tpr_at_fpr(labels, scores, 0.05),
        eer=metrics.eer(labels, scores),
        ece=metrics.ece(labels, scores, prior=0.5),
        n_real=n_real,
        n_generated=n_generated,
        n_failed=n_failed,
    )


def _macro(by_generator: dict[str, Metrics], pooled: Metrics) -> Metrics:
    means: dict[str, Any] = {
        rate.name: float(np.mean([getattr(row, rate.name) for row in by_generator.values()])) for rate in fields(Rates)
    }
    return replace(pooled, **means)

"""From two methods' logits to one probability and two thresholds; and the same fold by fold, for unbiased figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.detectors.calibration import Calibration, Thresholds
from unprompt.detectors.logistic import logistic
from unprompt.evaluation import fit_platt, fit_thresholds
from unprompt.recipes.photo.scoring import Floats

Flags = npt.NDArray[np.bool_]
FALSE_ALARMS: Final = 0.01
"""Share of real pictures of unseen collections that the upper threshold may pass under any one condition."""
MISSES: Final = 0.05
"""Share of generated pictures of unseen families that the lower threshold may pass under any one condition."""
L2: Final = 1e-3
"""Of the two weights."""


@dataclass(frozen=True)
class Fusion:
    """Weights of the methods' logits, Platt's line and both thresholds."""

    weights: Floats
    bias: float
    calibration: Calibration
    lower: float
    upper: float

    def logits(self, member_logits: Floats) -> Floats:
        """N from N x methods."""
        return np.asarray(member_logits @ self.weights + self.bias)

    def probability(self, member_logits: Floats) -> Floats:
        """N in [0, 1], at prior 0.5."""
        return self.calibration.probability(self.logits(member_logits))


def fuse(logits: Mapping[str, Floats], labels: npt.NDArray[np.int64]) -> Fusion:
    """From each condition's N x methods logits: one fit over all conditions, the strictest threshold of any."""
    stacked, repeated = np.concatenate(list(logits.values())), np.tile(labels, len(logits))
    weights, bias = logistic(stacked, repeated, L2)
    calibration = fit_platt(repeated, stacked @ weights + bias)
    each = [calibration.probability(one @ weights + bias) for one in logits.values()]
    bounds = [fit_thresholds(labels, one, FALSE_ALARMS, MISSES) for one in each]
    lower, upper = min(one.lower for one in bounds), max(one.upper for one in bounds)
    return Fusion(weights, bias, calibration, lower, max(lower, upper))


def thresholds(fusion: Fusion, logits: Mapping[str, Floats], labels: npt.NDArray[np.int64]) -> Thresholds:
    """What a checkpoint keeps: the bounds, and the real probabilities of all conditions that they come from."""
    real = np.concatenate([fusion.probability(one[labels == 0]) for one in logits.values()])
    return Thresholds.from_validation(
        fusion.lower,
        fusion.upper,
        fpr=FALSE_ALARMS,
        fnr=MISSES,
        real=real,
        n_generated=int((labels == 1).sum()) * len(logits),
    )


@dataclass(frozen=True)
class Judged:
    """One condition's pictures as the fusion of the other folds judges them."""

    probabilities: Floats
    flagged: Flags
    """Above that fusion's upper threshold."""
    passed: Flags
    """Below its lower one."""


def judge(logits: Mapping[str, Floats], labels: npt.NDArray[np.int64], folds: Sequence[int]) -> dict[str, Judged]:
    """Each picture by weights, calibration and thresholds that were fitted without its fold."""
    numbers = np.asarray(folds)
    judged = {name: Judged(np.zeros(len(labels)), *np.zeros((2, len(labels)), np.bool_)) for name in logits}
    for fold in np.unique(numbers):
        held_out = numbers == fold
        fusion = fuse({name: one[~held_out] for name, one in logits.items()}, labels[~held_out])
        for name, one in logits.items():
            probabilities = fusion.probability(one[held_out])
            judged[name].probabilities[held_out] = probabilities
            judged[name].flagged[held_out] = probabilities > fusion.upper
            judged[name].passed[held_out] = probabilities < fusion.lower
    return judged

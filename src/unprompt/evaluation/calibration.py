"""Fitting what turns logits into probabilities and probabilities into verdicts, on validation pictures only.

The classes that carry and apply what is fitted are those of ``detectors.calibration``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from unprompt.choices import CalibrationMap
from unprompt.detectors.calibration import Calibration, Isotonic, Thresholds, shares_above
from unprompt.detectors.logistic import class_weights, minimise_cross_entropy
from unprompt.errors import DataError, OptionError
from unprompt.evaluation.arrays import Floats, checked_probabilities, checked_scores, require_both_classes

SLOPE_FLOOR: Final = 1e-3
"""Smallest slope, per standard deviation of the logits: a detector that points the wrong way is dulled, not turned."""
SAME: Final = 1e-12
"""Logits that differ by less than this part of the largest are all one, up to rounding."""


def fit_calibration(
    labels: npt.ArrayLike, logits: npt.ArrayLike, kind: CalibrationMap = "platt"
) -> Calibration | Isotonic:
    """By :func:`fit_platt`, :func:`fit_isotonic` or :func:`fit_temperature`."""
    fits: dict[str, Callable[[npt.ArrayLike, npt.ArrayLike], Calibration | Isotonic]] = {
        "platt": fit_platt,
        "isotonic": fit_isotonic,
        "temperature": fit_temperature,
    }
    if kind not in fits:
        raise OptionError(f"--calibration is {kind!r}, expected platt, isotonic or temperature")
    return fits[kind](labels, logits)


def fit_platt(labels: npt.ArrayLike, logits: npt.ArrayLike) -> Calibration:
    """Slope > 0 and intercept of sigmoid(slope x logit + intercept), the probability at prior 0.5.

    Maximum likelihood with each class weighing one half, regularised by Platt's smoothed targets (Platt 1999,
    section 2.2), which keep the fit finite on separable data. The smaller class sets the smoothing of both:
    with two sizes the smoothing itself would move the prior.
    """
    values, weights, targets = _smoothed(labels, logits)
    centre = float(weights @ values)
    spread = float(np.sqrt(weights @ (values - centre) ** 2))
    standard, ones = (values - centre) / spread, np.ones_like(values)
    steepness, height = minimise_cross_entropy(np.stack([standard, ones], axis=1), targets, weights)
    if steepness < SLOPE_FLOOR:  # the loss is convex, so the best allowed point lies on the floor
        steepness = SLOPE_FLOOR
        (height,) = minimise_cross_entropy(ones[:, None], targets, weights, offset=steepness * standard)
    return Calibration(float(steepness / spread), float(height - steepness * centre / spread))


def fit_temperature(labels: npt.ArrayLike, logits: npt.ArrayLike) -> Calibration:
    """Slope 1 / T > 0 of sigmoid(logit / T) by the loss of :func:`fit_platt` (Guo et al. 2017, section 4.2).

    A logit of 0 stays at probability one half: a head that leans to one side is not put right.
    """
    values, weights, targets = _smoothed(labels, logits)
    size = float(np.sqrt(weights @ values**2))
    (steepness,) = minimise_cross_entropy((values / size)[:, None], targets, weights)
    return Calibration(float(max(steepness, SLOPE_FLOOR) / size), 0.0, "temperature")


def fit_isotonic(labels: npt.ArrayLike, logits: npt.ArrayLike) -> Isotonic:
    """Rising logits and never falling probabilities in (0, 1): the corners of the isotonic map, at prior 0.5.

    Least squares over all non-decreasing maps, each class weighing one half (Zadrozny and Elkan 2002), to Platt's
    smoothed targets, so that no probability is 0 or 1. Between corners the map is a straight line, beyond them flat.
    """
    values, weights, targets = _smoothed(labels, logits)
    seen, place = np.unique(values, return_inverse=True)
    weight = np.bincount(place, weights)
    level = isotonic_regression(np.bincount(place, weights * targets) / weight, weights=weight).x
    apart = np.diff(level) > SAME
    corner = np.append(True, apart) | np.append(apart, True)
    return Isotonic(tuple(seen[corner].tolist()), tuple(np.maximum.accumulate(level[corner]).tolist()))


def fit_thresholds(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    fpr: float = 0.05,
    fnr: float = 0.05,
    conformal: bool = False,
) -> Thresholds:
    """Lower and upper bound, 0 <= lower <= upper <= 1; "real" is below the lower, "generated" above the upper.

    Upper = the smallest with a false-positive rate of at most ``fpr``, lower = the largest with a
    false-negative rate of at most ``fnr``, both in [0, 1). When the classes part so well that they cross, every
    point between them keeps both promises, and both bounds become the one whose two rates are closest.

    ``conformal`` counts one more picture on the wrong side: then the rates hold for a new picture of the same kind,
    on average over validation sets, class by class (split conformal, Vovk 2012), and not for these pictures alone.
    :class:`OptionError` with fewer pictures of a class than 1 / rate - 1, which can promise nothing.
    """
    for name, rate in (("fpr", fpr), ("fnr", fnr)):
        if not 0 <= rate < 1:
            raise OptionError(f"{name} is {rate}, expected a rate from 0 to below 1, such as 0.05 for 5 %")
    generated, values = checked_probabilities(labels, probabilities)
    require_both_classes(generated, "fitting thresholds")
    real, fake = np.sort(values[~generated]), np.sort(values[generated])
    above = shares_above(np.arange(real.size), real.size, conformal)
    below = shares_above(np.arange(fake.size), fake.size, conformal)[::-1]
    for name, rate, found, kind in (("fpr", fpr, above, "real"), ("fnr", fnr, below, "generated")):
        if found.min() > rate:
            raise OptionError(
                f"a conformal band with {name} {rate:g} needs {_least(rate)} {kind} validation pictures or more, got "
                f"{found.size}: add pictures, raise --{name}, or take --band empirical"
            )
    upper = float(real[np.argmax(above <= fpr)])
    lower = float(fake[below <= fnr][-1])
    if lower > upper:
        lower = upper = _balanced_crossing(real, fake, upper, lower)
    return Thresholds.from_validation(
        lower, upper, fpr=fpr, fnr=fnr, real=real, n_generated=fake.size, conformal=conformal
    )


def _least(rate: float) -> str:
    return str(math.ceil(1 / rate - 1 - SAME)) if rate else "infinitely many"


def _smoothed(labels: npt.ArrayLike, logits: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Logits, weights (each class one half) and Platt's smoothed targets; DataError where nothing can be fitted."""
    generated, values = checked_scores(labels, logits)
    require_both_classes(generated, "calibration")
    if np.ptp(values) <= SAME * np.abs(values).max():
        raise DataError(
            f"all {values.size} logits are {values[0]:g}: nothing can be calibrated; train the detector first"
        )
    doubt = 1 / (min(int(generated.sum()), int((~generated).sum())) + 2)
    return values, class_weights(generated), np.where(generated, 1 - doubt, doubt)


def _balanced_crossing(real: Floats, fake: Floats, low: float, high: float) -> float:
    """The middle of the points in [low, high] where the false-positive and false-negative rates are closest."""
    seen = np.unique(np.concatenate([real, fake, [low, high]]))
    seen = seen[(seen >= low) & (seen <= high)]
    points = np.sort(np.concatenate([seen, (seen[1:] + seen[:-1]) / 2]))  # the rates jump only at seen values
    fpr = 1 - np.searchsorted(real, points, side="right") / real.size
    fnr = np.searchsorted(fake, points, side="left") / fake.size
    distance = np.abs(fpr - fnr)
    best = points[np.isclose(distance, distance.min())]  # neighbours: fpr - fnr only falls
    return float((best[0] + best[-1]) / 2)

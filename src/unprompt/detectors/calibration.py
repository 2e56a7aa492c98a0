"""From a logit to a probability, and from a probability to a verdict. Importing this loads no torch.

The classes are plain numbers that a checkpoint carries; ``evaluation.calibration`` fits their numbers on
validation pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from unprompt.errors import CheckpointError, DataError, OptionError
from unprompt.types import Verdict
from unprompt.validation import Flag, Number, Numbers, Whole, checked

QUANTILES: Final = 1001
"""Most real probabilities that are kept: steps of 0.1 %."""

Rate: TypeAlias = Annotated[Number, Field(ge=0, lt=1, description="a rate from 0 to below 1")]
_LATER: Final = {"kind": "platt", "conformal": False}
"""Fields that checkpoints of before do not have; with these values they are left out."""


@checked("")
class Stored:
    """Numbers that a checkpoint carries."""

    def to_dict(self) -> dict[str, object]:
        """JSON-ready fields."""
        return {name: value for name, value in asdict(self).items() if _LATER.get(name) != value}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; :class:`CheckpointError` for anything else."""
        try:
            return cls(**fields)
        except (OptionError, TypeError) as error:
            name = cls.__name__.lower()
            raise CheckpointError(f"the {name} in this checkpoint cannot be read ({error})", got=fields) from error


@checked("calibration ")
class Calibration(Stored):
    """A line: probability of "generated" = sigmoid(slope x logit + intercept), at prior 0.5."""

    slope: Annotated[Number, Field(gt=0, description="a finite number above 0: fit it again")]
    """Above 0, so that the order of scores never turns round."""
    intercept: Annotated[Number, Field(description="a finite number: fit it again")]
    kind: Literal["platt", "temperature"] = "platt"
    """How it was fitted; a temperature T is the slope 1 / T without an intercept."""

    def probability(self, logits: npt.ArrayLike, prior: float = 0.5) -> npt.NDArray[np.float64]:
        """Probability in [0, 1] of "generated" where a share ``prior``, in (0, 1), of all pictures is; shape kept."""
        return _at_prior(self.slope * _finite(logits) + self.intercept, prior)


@checked("")
class Isotonic(Stored):
    """A rising broken line from logit to probability of "generated", at prior 0.5; flat beyond its ends."""

    logits: Numbers = field(repr=False)
    """Corners, each above the one before."""
    probabilities: Numbers = field(repr=False)
    """At the corners, in (0, 1), none below the one before."""

    kind: Literal["isotonic"] = "isotonic"

    def __post_init__(self) -> None:
        x, y = np.asarray(self.logits, np.float64), np.asarray(self.probabilities, np.float64)
        if x.size != y.size or x.size < 2:
            raise OptionError(
                f"got {x.size} logits and {y.size} probabilities, expected two or more corners: fit again"
            )
        if not (np.isfinite(x).all() and (np.diff(x) > 0).all() and (np.diff(y) >= 0).all() and y[0] > 0 and y[-1] < 1):
            raise OptionError(
                f"the corners go from ({x[0]:g}, {y[0]:g}) to ({x[-1]:g}, {y[-1]:g}), expected rising logits and "
                "probabilities between 0 and 1 that never fall: fit again"
            )

    def probability(self, logits: npt.ArrayLike, prior: float = 0.5) -> npt.NDArray[np.float64]:
        """As :meth:`Calibration.probability`."""
        even = np.interp(_finite(logits), self.logits, self.probabilities)
        return _at_prior(np.log(even) - np.log1p(-even), prior)


def stored_calibration(fields: Mapping[str, Any]) -> Calibration | Isotonic:
    """The calibration that a checkpoint holds, of whatever kind; :class:`CheckpointError` for none that we know."""
    return Isotonic.from_dict(fields) if fields.get("kind") == "isotonic" else Calibration.from_dict(fields)


@checked("")
class Thresholds(Stored):
    """Two bounds on the probability at prior 0.5, and what they promised on which validation pictures.

    Above ``upper`` = generated, below ``lower`` = real; between them, bounds included, inconclusive.
    """

    lower: float
    """At most a share ``fnr`` of the generated validation pictures lies below it."""
    upper: float
    """At most a share ``fpr`` of the real validation pictures lies above it."""
    fpr: Rate
    fnr: Rate
    n_real: Whole
    """Number of real validation pictures."""
    n_generated: Whole
    """Number of generated validation pictures."""
    real_quantiles: Numbers = field(repr=False)
    """Sorted probabilities of the real validation pictures: all of them, or 1001 in even steps of rank."""
    conformal: Flag = False
    """The rates hold for new pictures of the same kind, on average over validation sets; else for those alone."""

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.upper <= 1:
            raise OptionError(f"thresholds are {self.lower} and {self.upper}, expected 0 <= lower <= upper <= 1")
        if self.n_real < 1 or self.n_generated < 1:
            raise OptionError(
                f"thresholds come from {self.n_real} real and {self.n_generated} generated pictures, "
                "expected at least one of each"
            )
        kept, expected = np.asarray(self.real_quantiles), min(self.n_real, QUANTILES)
        if kept.size != expected:
            raise OptionError(f"got {kept.size} real quantiles, expected {expected} for {self.n_real} real pictures")
        if not (kept[0] >= 0 and kept[-1] <= 1 and (np.diff(kept) >= 0).all()):
            raise OptionError(f"real quantiles go from {kept[0]} to {kept[-1]}, expected rising values in [0, 1]")

    @classmethod
    def from_validation(
        cls,
        lower: float,
        upper: float,
        *,
        fpr: float,
        fnr: float,
        real: Sequence[float] | npt.NDArray[np.float64],
        n_generated: int,
        conformal: bool = False,
    ) -> Thresholds:
        """Bounds and promises, with the quantiles taken from the ``real`` validation probabilities in any order."""
        ordered = np.sort(np.asarray(real, dtype=np.float64))
        quantiles = tuple(ordered[_ranks(ordered.size)].tolist())
        return cls(float(lower), float(upper), fpr, fnr, ordered.size, int(n_generated), quantiles, conformal)

    @property
    def coverage(self) -> tuple[float, float]:
        """Share of real and of generated pictures whose verdict is right or inconclusive, at least."""
        return 1 - self.fpr, 1 - self.fnr

    @property
    def finest_fpr(self) -> float:
        """Smallest false-positive rate that the real validation pictures support."""
        return 1 / min(self.n_real + self.conformal, QUANTILES - 1)

    def at_prior(self, prior: float) -> tuple[float, float]:
        """``lower`` and ``upper`` as probabilities where a share ``prior``, in (0, 1), of all pictures is generated.

        >>> stored = Thresholds.from_validation(0.2, 0.5, fpr=0.1, fnr=0.1, real=[0.1], n_generated=1)
        >>> [round(bound, 3) for bound in stored.at_prior(0.2)]
        [0.059, 0.2]
        """
        if not 0 < prior < 1:
            raise OptionError(f"prior is {prior}, expected a share above 0 and below 1, such as 0.5")
        lower, upper = (
            bound * prior / (bound * prior + (1 - bound) * (1 - prior)) for bound in (self.lower, self.upper)
        )
        return lower, upper

    def verdict(self, probability: float) -> Verdict:
        """The verdict on one probability in [0, 1], taken at prior 0.5."""
        if not 0 <= probability <= 1:
            raise DataError(f"probability is {probability}, expected a number between 0 and 1: apply the calibration")
        if probability > self.upper:
            return "generated"
        return "real" if probability < self.lower else "inconclusive"

    def at_fpr(self, fpr: float) -> Thresholds:
        """The same, with ``upper`` the smallest kept bound that at most a share ``fpr`` of the real ones exceeds.

        ``lower`` stays where it is, and ``upper`` never goes below it: a rate that generous promises less
        than the bounds already keep.
        """
        if not self.finest_fpr <= fpr < 1:
            raise OptionError(
                f"--fpr {fpr:g} cannot be promised: {self.n_real} real validation pictures support rates from "
                f"{self.finest_fpr:g} to below 1; ask for one of those, or calibrate on more real pictures"
            )
        above = shares_above(_ranks(self.n_real), self.n_real, self.conformal)
        upper = self.real_quantiles[int(np.argmax(above <= fpr))]
        return replace(self, upper=max(self.lower, upper), fpr=fpr)


def sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 / (1 + exp(-logit)), in [0, 1], without overflow on either side."""
    return np.asarray(np.exp(-np.logaddexp(0, -logits)))


def shares_above(ranks: npt.NDArray[np.int64], count: int, conformal: bool = False) -> npt.NDArray[np.float64]:
    """Share of ``count`` sorted values above those of these ranks, 0 the lowest; ``conformal`` counts one more above.

    Every threshold is read off it: the lowest value that few enough lie above.
    """
    return np.asarray((count - 1 - ranks + conformal) / (count + conformal))


def _finite(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    values = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"{(~np.isfinite(values)).sum()} of {values.size} logits are NaN or infinite")
    return values


def _at_prior(odds: npt.NDArray[np.float64], prior: float) -> npt.NDArray[np.float64]:
    """Log-odds at prior 0.5 -> probabilities where a share ``prior`` is generated, by Bayes' rule."""
    if not 0 < prior < 1:
        raise OptionError(f"prior is {prior}, expected a share above 0 and below 1, such as 0.5")
    return sigmoid(odds + math.log(prior / (1 - prior)))


def _ranks(count: int) -> npt.NDArray[np.int64]:
    """Which of ``count`` sorted values are kept; rounded up, so that a bound read from them errs to the safe side."""
    kept = min(count, QUANTILES)
    return -(-np.arange(kept, dtype=np.int64) * (count - 1) // max(kept - 1, 1))

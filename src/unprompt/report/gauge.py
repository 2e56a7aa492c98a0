"""A probability between its two thresholds, and what a verdict by them promises, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

from unprompt.detectors.calibration import Thresholds
from unprompt.report.words import percent, views

_LIKE: Final = "This holds for pictures like those that the suite was measured on, and is evidence, not proof."


@dataclass(frozen=True)
class Gauge:
    """All numbers are probabilities of ``generated`` in [0, 1], at the stated prior."""

    probability: float
    lower: float
    """Below it lies the verdict ``real``."""
    upper: float
    """Above it lies the verdict ``generated``; between the two, ``inconclusive``."""
    promise: str

    @classmethod
    def of(
        cls,
        probability: float,
        verdict: str,
        thresholds: Thresholds,
        prior: float = 0.5,
        figures: Mapping[str, Any] = MappingProxyType({}),
    ) -> Self:
        """The gauge of a row with a verdict; a head's ``figures`` tell how many pictures were seen."""
        return cls(probability, *thresholds.at_prior(prior), _promise(verdict, thresholds, figures))

    @property
    def percent(self) -> str:
        """The probability in words."""
        return percent(self.probability)


def _promise(verdict: str, thresholds: Thresholds, figures: Mapping[str, Any]) -> str:
    if verdict == "inconclusive":
        return "Too much like both: neither verdict could be given with the promised share of errors."
    wronged, rate, count = (
        ("real", thresholds.fpr, thresholds.n_real)
        if verdict == "generated"
        else ("generated", thresholds.fnr, thresholds.n_generated)
    )
    whom = (
        f"new {wronged} pictures of the same kind"
        if thresholds.conformal
        else f"the {views(count, figures.get(f'n_{wronged}'))} {wronged} validation pictures"
    )
    return f"The threshold is set so that at most {100 * rate:g} % of {whom} are called {verdict}. {_LIKE}"

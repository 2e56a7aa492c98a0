"""What another suite's models make of a picture, for a report alone: its reconstruction, SARE map and regeneration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.detectors import METHODS
from unprompt.errors import NotFinite
from unprompt.evidence.joint import JointExtractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.sare import SareEvidence
from unprompt.evidence.semgir import SemgirEvidence
from unprompt.instruments import Suite
from unprompt.types import RGB, Picture

DRAWING: Final = ("sare", "semgir")


@dataclass(frozen=True, eq=False)
class DrawnAgain:
    """What was made of one picture, which moved no score."""

    reconstruction: RGB
    sare_map: npt.NDArray[np.floating]
    regeneration: RGB
    note: str
    """Whose it is, and of which caption."""


class Redrawing:
    """The evidence of SARE and SemGIR by ``suite``. Raises SuiteError where it lacks a model for them; loads none."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        options = {name: METHODS[name].fitting_options(suite) for name in DRAWING}
        for name, chosen in options.items():
            METHODS[name].check_suite(suite, chosen)
        self.extractor = JointExtractor({name: METHODS[name].evidence_of(chosen) for name, chosen in options.items()})

    def of(self, pictures: Sequence[Picture]) -> list[DrawnAgain | None]:
        """One a picture; None where a model answers nothing finite."""
        try:
            evidence = self.extractor.extract(ProductCache(pictures, self.suite))
        except NotFinite as error:
            sound = [place for place in range(len(pictures)) if place not in error.places]
            rest = dict(zip(sound, self.of([pictures[place] for place in sound]), strict=True))
            return [rest.get(place) for place in range(len(pictures))]
        return [self._of(one.by_method["sare"], one.by_method["semgir"]) for one in evidence]

    def _of(self, sare: SareEvidence, semgir: SemgirEvidence) -> DrawnAgain:
        note = f"by the suite {self.suite.name}, from “{sare.caption.text}”; it moved no score"
        return DrawnAgain(sare.reconstruction, sare.sare_map, semgir.regenerations[0], note)

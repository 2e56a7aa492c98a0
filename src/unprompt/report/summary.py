"""What came of many pictures, counted; and against the truth where it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from unprompt.types import GENERATED, REAL, Label, Prediction

Outcome: TypeAlias = Literal["generated", "inconclusive", "real", "error"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("generated", "inconclusive", "real", "error")


def outcome(prediction: Prediction) -> Outcome:
    """The verdict, or ``error`` where there is none.

    >>> outcome(Prediction("a.png", "error", error="empty file"))
    'error'
    """
    return prediction.verdict or "error"


@dataclass(frozen=True)
class Summary:
    """Counts over pictures; shares are of the pictures whose label is known and which have a verdict."""

    cells: Mapping[tuple[Label | None, Outcome], int]
    """Number of pictures by truth and outcome."""

    @classmethod
    def of(cls, predictions: Iterable[Prediction]) -> Summary:
        """Count."""
        return cls(Counter((prediction.label, outcome(prediction)) for prediction in predictions))

    @property
    def total(self) -> int:
        """All pictures, failed ones included."""
        return sum(self.cells.values())

    def count(self, wanted: Outcome) -> int:
        """Pictures with this outcome, whatever their label."""
        return sum(number for (_, found), number in self.cells.items() if found == wanted)

    def cell(self, truth: Label, wanted: Outcome) -> int:
        """Pictures of this label with this outcome."""
        return self.cells.get((truth, wanted), 0)

    @property
    def labelled(self) -> int:
        """Pictures with a verdict whose label is known."""
        return self.decided + sum(self.cell(truth, "inconclusive") for truth in (REAL, GENERATED))

    @property
    def decided(self) -> int:
        """Those of them that were called real or generated."""
        return self.right + self.cell(REAL, "generated") + self.cell(GENERATED, "real")

    @property
    def right(self) -> int:
        """Those of the decided that were called what they are."""
        return self.cell(REAL, "real") + self.cell(GENERATED, "generated")

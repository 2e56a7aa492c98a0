"""A paper's table as data: what was trained on, what was tested on, and the numbers that were printed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

from unprompt.errors import DataError
from unprompt.evaluation.pictures import MACRO
from unprompt.evaluation.rates import NAMES
from unprompt.validation import CONFIG, Misfit, Size

T = TypeVar("T")
Several: TypeAlias = Annotated[tuple[T, ...], Field(min_length=1, description="one or more")]


@dataclass(frozen=True, config=CONFIG)
class Column:
    """One test set of a table."""

    heading: str
    """As the paper prints it."""
    generator: str
    """As the loader names it."""
    real: str = ""
    """Collection of the real pictures, where a shared one serves several generators; empty = the generator's own."""


@dataclass(frozen=True, config=CONFIG)
class Printed:
    """One table as it was printed: a number a column in percent, the average last; NaN where nothing was printed."""

    name: str
    metric: str
    """A field of :class:`~unprompt.evaluation.Rates`."""
    own: str
    """The row of the paper's own method."""
    rows: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        if self.metric not in NAMES:
            raise ValueError(f"{self.name}: metric {self.metric!r}; expected one of {NAMES}")
        if self.own not in self.rows:
            raise ValueError(f"{self.name}: no row {self.own!r} among {', '.join(self.rows)}")


@dataclass(frozen=True, config=CONFIG)
class TrainingSet:
    """What a table's head is trained on."""

    generators: Several[str]
    """Those whose pictures are learned from."""
    stand_in: tuple[str, ...] = ()
    """What takes their place where the data has none of the paper's generators."""
    pictures: Size = 0
    """Of each class; 0 = all."""


@dataclass(frozen=True, config=CONFIG)
class TableRecipe:
    """All that a run needs to know of a table, beside the suite and the pictures."""

    name: Annotated[str, Field(exclude=True)]
    """PAPER/TABLE; no field of the file."""
    title: str
    method: str
    loader: str
    """Dataset whose loader reads a root that is named without one."""
    claim: str
    """What the table is to show, in words: all that can be compared where the pictures are others."""
    columns: Several[Column]
    train: TrainingSet
    tables: Several[Printed]

    def __post_init__(self) -> None:
        for table in self.tables:
            for row, numbers in table.rows.items():
                if len(numbers) != len(self.columns) + 1:
                    raise ValueError(
                        f"{table.name}: {row} has {len(numbers)} numbers; expected {len(self.columns)} columns and "
                        "their average"
                    )

    @classmethod
    def from_dict(cls, name: str, table: Mapping[str, Any]) -> Self:
        """From a recipe file's content; :class:`DataError` that names what is missing, unknown or of a wrong length."""
        try:
            return cls(name, **table)
        except ValidationError as error:
            wrong = Misfit.of(error, cls)
            raise DataError(f"recipe {name}: {wrong.message(' '.join(wrong.place))}", got=wrong.got) from error

    def paper(self, whole: bool) -> dict[tuple[str, str, str], float]:
        """The own method's numbers as shares, by (perturbation, generator, metric); with the average if ``whole``."""
        found: dict[tuple[str, str, str], float] = {}
        for table in self.tables:
            names = [column.generator for column in self.columns] + ([MACRO] if whole else [])
            for name, value in zip(names, table.rows[table.own], strict=False):
                if not math.isnan(value):
                    found["", name, table.metric] = value / 100
        return found

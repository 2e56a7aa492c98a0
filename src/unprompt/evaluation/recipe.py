"""A paper's table as data: what was trained on, what was tested on, and the numbers that were printed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from unprompt.errors import DataError
from unprompt.evaluation.pictures import MACRO
from unprompt.evaluation.rates import NAMES


@dataclass(frozen=True)
class Column:
    """One test set of a table."""

    heading: str
    """As the paper prints it."""
    generator: str
    """As the loader names it."""
    real: str = ""
    """Collection of the real pictures, where a shared one serves several generators; empty = the generator's own."""


@dataclass(frozen=True)
class Printed:
    """One table as it was printed: a number a column in percent, the average last; NaN where nothing was printed."""

    name: str
    metric: str
    """A field of :class:`~unprompt.evaluation.Rates`."""
    own: str
    """The row of the paper's own method."""
    rows: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class TableRecipe:
    """All that a run needs to know of a table, beside the suite and the pictures."""

    name: str
    """PAPER/TABLE."""
    title: str
    method: str
    loader: str
    """Dataset whose loader reads a root that is named without one."""
    claim: str
    """What the table is to show, in words: all that can be compared where the pictures are others."""
    columns: tuple[Column, ...]
    train: tuple[str, ...]
    """Generators whose pictures are learned from."""
    stand_in: tuple[str, ...]
    """What takes their place where the data has none of the paper's generators."""
    pictures: int
    """Training pictures of each class; 0 = all."""
    tables: tuple[Printed, ...]

    @classmethod
    def from_dict(cls, name: str, told: Mapping[str, Any]) -> Self:
        """From a recipe file's content; :class:`DataError` that names what is missing, unknown or of a wrong length."""
        train = told.get("train", {})
        _known(name, "[train]", train, {"generators", "stand_in", "pictures"})
        _known(name, "the file", told, {"title", "method", "loader", "claim", "columns", "train", "tables"})
        try:
            made = cls(
                name=name,
                title=str(told["title"]),
                method=str(told["method"]),
                loader=str(told["loader"]),
                claim=str(told["claim"]),
                columns=tuple(Column(**one) for one in told["columns"]),
                train=tuple(train["generators"]),
                stand_in=tuple(train.get("stand_in", ())),
                pictures=int(train.get("pictures", 0)),
                tables=tuple(_printed(one) for one in told["tables"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"recipe {name}: {type(error).__name__} {error}; expected the fields of {_drawn()}"
            ) from error
        made._check()
        return made

    def paper(self, whole: bool) -> dict[tuple[str, str, str], float]:
        """The own method's numbers as shares, by (perturbation, generator, metric); with the average if ``whole``."""
        found: dict[tuple[str, str, str], float] = {}
        for table in self.tables:
            names = [column.generator for column in self.columns] + ([MACRO] if whole else [])
            for name, value in zip(names, table.rows[table.own], strict=False):
                if not math.isnan(value):
                    found["", name, table.metric] = value / 100
        return found

    def _check(self) -> None:
        if not (self.columns and self.tables and self.train):
            raise DataError(f"recipe {self.name}: no columns, tables or train.generators; expected one or more of each")
        for table in self.tables:
            if table.metric not in NAMES:
                raise DataError(f"recipe {self.name}, {table.name}: metric {table.metric!r}; expected one of {NAMES}")
            if table.own not in table.rows:
                raise DataError(f"recipe {self.name}, {table.name}: no row {table.own!r} among {', '.join(table.rows)}")
            for row, numbers in table.rows.items():
                if len(numbers) != len(self.columns) + 1:
                    raise DataError(
                        f"recipe {self.name}, {table.name}: {row} has {len(numbers)} numbers; expected "
                        f"{len(self.columns)} columns and their average"
                    )


def _printed(told: Mapping[str, Any]) -> Printed:
    rows = {name: tuple(float(one) for one in numbers) for name, numbers in told["rows"].items()}
    return Printed(told["name"], told["metric"], told["own"], rows)


def _known(name: str, where: str, told: Mapping[str, Any], names: set[str]) -> None:
    for key in told:
        if key not in names:
            raise DataError(f"recipe {name}: {where} has {key!r}; expected some of {', '.join(sorted(names))}")


def _drawn() -> str:
    return ", ".join(field.name for field in fields(TableRecipe) if field.name != "name")

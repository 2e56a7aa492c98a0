"""A paper's figure as data: what is drawn of whose evidence, and what its numbers are to show."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, TypeAlias

import numpy as np
from pydantic.dataclasses import dataclass
from scipy.special import ndtri

from unprompt.errors import DataError
from unprompt.evaluation.laboratory import LEVEL, Ruling, ruled
from unprompt.evaluation.recipe import Column, Perturbations, Recipe, RecipeRow, TrainingSet
from unprompt.types import GENERATED, REAL
from unprompt.validation import CONFIG, Number

Row: TypeAlias = Mapping[str, Any]
"""Of a figure's table: numbers of a picture, or of a group of them with their intervals or standard errors."""
Choice: TypeAlias = Mapping[str, str | int]
"""Column -> what rows hold there."""
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
BY_ROW: Final = ("gap", "tsne")
"""Figures that show each row, and each perturbation, by itself, as the column ``condition`` tells."""
HALF: Final = float(ndtri((1 + LEVEL) / 2))
"""Standard errors from the middle to the end of an interval."""


@dataclass(frozen=True, config=CONFIG)
class FigureClaim:
    """What a figure is to show: a mean over generators, less another, lies above a bound."""

    says: str
    """In one sentence."""
    column: str
    """The number of the figure's table that is asked about."""
    plus: Choice = field(default_factory=dict)
    """Which rows; none = nothing, from which ``minus`` is taken off."""
    minus: Choice = field(default_factory=dict)
    """Which rows' mean is taken off; none = nothing is."""
    above: Number = 0.0

    def __post_init__(self) -> None:
        if not (self.plus or self.minus):
            raise ValueError(f"{self.says!r} asks about no rows, expected plus or minus")


@dataclass(frozen=True, config=CONFIG)
class FigureRecipe(Recipe):
    """All that a run needs to know of a figure, beside the suite and the pictures; its columns are who is shown."""

    figure: Literal["shift", "gap", "alignment", "sign", "consistency", "tsne"]
    """As ``unprompt analyse`` knows it; its rows say whose evidence it is drawn from."""
    claims: tuple[FigureClaim, ...] = ()
    """None of a drawing that is only looked at."""
    train: TrainingSet | None = None
    """Of heads whose features are shown; none = nothing is learned."""
    perturbations: Perturbations = ()
    """Under which each row is shown once more."""

    candidates: ClassVar[tuple[Column, ...]] = ()

    def __post_init__(self) -> None:
        if self.perturbations and not self.by_row:
            raise ValueError(f"{self.figure} has perturbations, expected none but for {' or '.join(BY_ROW)}")
        if self.train and self.figure != "tsne":
            raise ValueError(
                f"{self.figure} has train, expected none but for tsne, which shows what heads have learned"
            )
        names, methods = [row.name for row in self.rows], [row.method for row in self.rows]
        if len({*names}) < len(names) or (len({*methods}) < len(methods) and not self.by_row):
            raise ValueError(
                f"rows are {', '.join(names)}, expected each name once, and each method once in {self.figure}"
            )
        for row in self.rows:
            if self.figure in ("shift", "gap") and row.method != "sare":
                raise ValueError(f"{row.name}: method is {row.method!r}, expected sare in the figure {self.figure}")
            if not row.method or row.train or row.pictures or row.leave_out:
                raise ValueError(f"{row.name}: a row of a figure has a method, and learns from what the figure does")
            for column, numbers in row.paper.items():
                if len(numbers) != len(self.columns):
                    raise ValueError(
                        f"{row.name}: {column} has {len(numbers)} numbers; expected {len(self.columns)}, one a column"
                    )

    @property
    def by_row(self) -> bool:
        """Whether each row is shown by itself; else all together are what one drawing needs."""
        return self.figure in BY_ROW

    @property
    def trainings(self) -> tuple[TrainingSet, ...]:
        """The figure's own, or nothing."""
        return (self.train,) if self.train else ()

    def training(self, row: RecipeRow) -> TrainingSet | None:  # a table's asks
        """What every row learns from."""
        return self.train

    def rule(self, table: Sequence[Row], missing: Mapping[str, str] = NOTHING) -> list[Ruling]:
        """The claims' answers, by normal intervals at 95 % whose two means are taken as independent.

        ``missing`` tells why rows were not run.

        Means of the same pictures are not: they go up and down together, so that their interval is rather too wide.
        """
        known = {name for row in table for name in row}
        for claim in self.claims:
            for name in (claim.column, *claim.plus, *claim.minus):
                if name not in known:
                    raise DataError(
                        f"recipe {self.name}: a claim names {name!r}, expected a column of the figure {self.figure!r}: "
                        f"{', '.join(sorted(known))}"
                    )
        return [_rule(claim, table, missing) for claim in self.claims]


def _rule(claim: FigureClaim, table: Sequence[Row], missing: Mapping[str, str]) -> Ruling:
    """In the column's own unit; not run where a group has one picture alone, whose mean has no interval."""
    sides = [(sign, choice) for sign, choice in ((1, claim.plus), (-1, claim.minus)) if choice]
    middle = variance = 0.0
    real = generated = 0
    for sign, choice in sides:
        rows = [row for row in table if all(row.get(name) == value for name, value in choice.items())]
        if not rows:
            named = ", ".join(f"{name} {value}" for name, value in choice.items())
            why = missing.get(str(choice.get("condition", "")), f"the figure has no row with {named}")
            return Ruling(claim.says, claim.column, "not run", above=claim.above, reason=why)
        mean, error = _mean(rows, claim.column)
        middle, variance = middle + sign * mean, variance + error**2
        real = max(real, _real_pictures(rows))
        generated = max(generated, sum(_count(row, GENERATED) for row in rows))
    if not math.isfinite(variance):
        why = "a group has a single picture, expected two or more"
        return Ruling(claim.says, claim.column, "not run", above=claim.above, reason=why)
    low, high = middle - HALF * math.sqrt(variance), middle + HALF * math.sqrt(variance)
    numbers = middle, low, high, claim.above, real, generated
    return Ruling(claim.says, claim.column, ruled(low, high, claim.above), *numbers)


def _mean(rows: Sequence[Row], column: str) -> tuple[float, float]:
    """The mean over generators, each of which counts alike, and its standard error.

    Generators that share their real pictures have the error of these in common.
    """
    if "real_error" in rows[0]:
        shared: dict[Any, float] = defaultdict(float)
        for row in rows:
            shared[_collection(row)] += row["real_error"] / len(rows)
        own = [row["generated_error"] / len(rows) for row in rows]
        return float(np.mean([row[column] for row in rows])), math.hypot(*shared.values(), *own)
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["generator"]].append(row)
    means, errors = zip(*(_group(group, column) for group in groups.values()), strict=True)
    return float(np.mean(means)), math.hypot(*errors) / len(errors)


def _group(rows: Sequence[Row], column: str) -> tuple[float, float]:
    """Mean and standard error of one generator: as its one row tells them, or from a row for each picture."""
    if f"{column}_error" in rows[0]:
        return rows[0][column], rows[0][f"{column}_error"]
    if "low" in rows[0]:
        return rows[0][column], (rows[0]["high"] - rows[0]["low"]) / (2 * HALF)
    values = np.array([row[column] for row in rows], np.float64)
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.inf


def _collection(row: Row) -> tuple[Any, ...]:
    """What rows have in common whose real pictures are the same ones under one condition."""
    return row.get("condition"), row["n_real"], row["real"]


def _real_pictures(rows: Sequence[Row]) -> int:
    """Each counted once, where the rows tell which generators share them."""
    if "real_error" in rows[0]:
        return sum(row["n_real"] for row in {_collection(row): row for row in rows}.values())
    return sum(_count(row, REAL) for row in rows)


def _count(row: Row, label: int) -> int:
    """Pictures of a class that a row rests on."""
    if "n_real" in row:
        return int(row["n_real"] if label == REAL else row["n_generated"])
    return int(row.get("n", 1)) if row["label"] == label else 0

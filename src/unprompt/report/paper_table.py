"""A paper's table with our numbers under the printed ones, as the paper lays it out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from unprompt.evaluation import Column, Printed, Result, TableRecipe
from unprompt.report.grid import Grid
from unprompt.report.results import cell, words

AVERAGE: Final = "Avg."
NOTHING: Final = "\N{EN DASH}"
_MACRO: Final = "macro"


def paper_grids(
    recipe: TableRecipe, rows: Sequence[Result], columns: Sequence[Column], standing_in: bool
) -> list[Grid]:
    """For each printed table its rows, ours with intervals, and the difference; percent and points.

    Where other generators stand in for the paper's (``columns`` are then the data's), nothing can be subtracted: our
    table and the printed one stand apart, and the claim is told in words. Without a column of the paper's there is no
    average to compare.
    """
    found = {(row.generator, row.metric): row for row in rows}
    if standing_in:
        ours = [_standing_in(recipe, table, found, columns) for table in recipe.tables]
        return [*ours, *(_alone(recipe, table) for table in recipe.tables)]
    return [_beside(recipe, table, found) for table in recipe.tables]


def _beside(recipe: TableRecipe, table: Printed, found: Mapping[tuple[str, str], Result]) -> Grid:
    names = [column.generator for column in recipe.columns]
    whole = all((name, table.metric) in found for name in names)
    ours = [found.get((name, table.metric)) for name in (*names, _MACRO)]
    gaps = [
        NOTHING if row is None or math.isnan(number) or not (whole or row.generator != _MACRO) else _points(row, number)
        for row, number in zip(ours, table.rows[table.own], strict=True)
    ]
    unlike = "" if whole else "*"
    cells = [_ours(row) for row in ours]
    mean = [cells[-1] + unlike]
    body = (
        *_printed(table),
        (f"{recipe.method}, ours", *cells[:-1], *mean),
        ("ours minus the paper's", *gaps),
        *_raw(recipe, table, found, names, unlike),
    )
    note = "" if whole else "; * over the test sets that there are, so not comparable"
    title = f"{_title(recipe, table)}: {_counts(found, table)}{note}"
    return Grid(title, ("method", *(column.heading for column in recipe.columns), AVERAGE), body)


def _standing_in(
    recipe: TableRecipe, table: Printed, found: Mapping[tuple[str, str], Result], columns: Sequence[Column]
) -> Grid:
    cells = [_ours(found.get((name, table.metric))) for name in (*(one.generator for one in columns), _MACRO)]
    title = (
        f"{words(table.metric)} in percent on other generators than the paper's, {_counts(found, table)}. "
        f"The paper's claim: {recipe.claim}"
    )
    body = (f"{recipe.method}, ours", *cells), *_raw(recipe, table, found, [one.generator for one in columns])
    return Grid(title, ("method", *(one.heading for one in columns), AVERAGE), body)


def _raw(
    recipe: TableRecipe, table: Printed, found: Mapping[tuple[str, str], Result], names: Sequence[str], unlike: str = ""
) -> list[tuple[str, ...]]:
    """Below an accuracy the one at 0.5 of the head's own output, which is what a paper without a calibration states."""
    if table.metric != "accuracy":
        return []
    *cells, mean = (_ours(found.get((name, "raw_accuracy"))) for name in (*names, _MACRO))
    return [(f"{recipe.method}, ours, at 0.5 before calibration", *cells, mean + unlike)]


def _alone(recipe: TableRecipe, table: Printed) -> Grid:
    header = ("method", *(column.heading for column in recipe.columns), AVERAGE)
    return Grid(f"{_title(recipe, table)}: as printed, on the paper's pictures", header, tuple(_printed(table)))


def _printed(table: Printed) -> list[tuple[str, ...]]:
    return [
        (f"{name}, the paper", *(NOTHING if math.isnan(one) else f"{one:.2f}" for one in numbers))
        for name, numbers in table.rows.items()
    ]


def _ours(row: Result | None) -> str:
    if row is None:
        return NOTHING
    return cell(row, percent=True).partition(" (paper")[0]


def _points(row: Result, number: float) -> str:
    return f"{100 * row.value - number:+.2f}".replace("-", "\N{MINUS SIGN}")


def _title(recipe: TableRecipe, table: Printed) -> str:
    return f"{recipe.name}, {table.name}, {words(table.metric)} in percent"


def _counts(found: Mapping[tuple[str, str], Result], table: Printed) -> str:
    row = found[_MACRO, table.metric]
    level = "" if row.level is None else f", {100 * row.level:g} % intervals"
    return f"suite {row.suite}, n = {row.n_real} real and {row.n_generated} generated pictures{level}"

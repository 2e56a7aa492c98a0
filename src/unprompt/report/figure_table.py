"""What a paper printed of a figure's numbers, with ours above it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unprompt.evaluation import FigureRecipe
from unprompt.report.grid import Grid
from unprompt.report.paper_table import NOTHING, plain
from unprompt.report.results import words


def figure_grids(recipe: FigureRecipe, table: Sequence[Mapping[str, Any]], standing_in: bool) -> Iterator[Grid]:
    """For each number that some row has printed: a line of ours for each condition, with intervals, and the printed.

    Where other generators stand in for the paper's, the printed ones stand apart.
    """
    for column in dict.fromkeys(name for row in recipe.rows for name in row.paper):
        title = f"{recipe.name}, {words(column)}"
        printed = [
            (f"{row.name}, printed", *(_plain(value) for value in row.paper[column]))
            for row in recipe.rows
            if column in row.paper
        ]
        headings = {one.generator: one.heading for one in recipe.columns}
        generators = list(dict.fromkeys(row["generator"] for row in table)) if standing_in else list(headings)
        cells = {(row["condition"], row["generator"]): _cell(row, column) for row in table}
        ours = [
            (f"{name}, ours", *(cells.get((name, one), NOTHING) for one in generators))
            for name in dict.fromkeys(row["condition"] for row in table)
        ]
        if standing_in:
            where = f"{title}, on other generators than the paper's: 95 % intervals"
            yield Grid(where, ("condition", *generators), tuple(ours))
            yield Grid(f"{title}: as printed", ("condition", *headings.values()), tuple(printed))
        else:
            yield Grid(f"{title}: 95 % intervals", ("condition", *headings.values()), (*ours, *printed))


def _cell(row: Mapping[str, Any], column: str) -> str:
    return f"{_plain(row[column])} [{_plain(row['low'])}, {_plain(row['high'])}]"


def _plain(value: float) -> str:
    return NOTHING if math.isnan(value) else plain(value)

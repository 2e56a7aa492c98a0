"""Tables on stdout, in lines of at most a terminal's width, or ``WIDTH`` columns in a pipe."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from unprompt.report.words import printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WIDTH: Final = 100
"""Columns of a console that is no terminal, unless the variable COLUMNS says otherwise."""
LEAST: Final = 32
"""Columns that a folded cell keeps; a table in which cells would get fewer is laid out in blocks."""
GAP: Final = 2
"""Columns between two cells."""
_STYLES: Final = {
    "generated": "bold dark_orange",
    "real": "bold blue",
    "error": "bold magenta",
    "pass": "green",
    "warn": "bold dark_orange",
    "fail": "bold magenta",
}


@dataclass
class _TableColumn:
    name: str
    cells: Sequence[str]
    right: bool
    first: bool
    width: int

    @property
    def folded(self) -> bool:
        """Whether its cells may be folded: not numbers, and not the first column, which names the row."""
        return not (self.right or self.first)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table on stdout, with the columns named in ``right`` set flush right; columns without a word are left out.

    Nothing is cut. Where a row is too wide, long cells are folded; where that is not enough, the widest columns go
    below their row as ``name: text``, and the first column above it. Numbers alone go into several tables.
    """
    columns: list[_TableColumn] = []
    for name, values in zip(header, zip(*rows, strict=True), strict=bool(rows)):
        if any(values):
            cells = [printable(value) for value in values]
            columns.append(_TableColumn(name, cells, name in right, not columns, max(map(cell_len, [name, *cells]))))
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH
    if not columns:
        return
    if all(column.right for column in columns[1:]):
        _print_numbers(console, columns)
    else:
        _print_texts(console, columns)


def _print_numbers(console: Console, columns: Sequence[_TableColumn]) -> None:
    """Tables below each other, each with the first column."""
    grids = [list(columns[:1])]
    for column in columns[1:]:
        if len(grids[-1]) > 1 and _total([*grids[-1], column]) > console.width:
            grids.append(list(columns[:1]))
        grids[-1].append(column)
    for place, grid in enumerate(grids):
        if place:
            console.print()
        console.print(_line(grid, [column.name for column in grid], 0, "bold"))
        for cells in zip(*(column.cells for column in grid), strict=True):
            console.print(_line(grid, cells, 0))


def _print_texts(console: Console, columns: Sequence[_TableColumn]) -> None:
    grid = _grid(columns, console.width)
    indent = 0 if columns[:1] == grid[:1] else GAP
    if grid:
        console.print(_line(grid, [column.name for column in grid], indent, "bold"))
    for number in range(len(columns[0].cells)):
        if indent:
            console.print(Text(columns[0].cells[number]), soft_wrap=True)
        if grid:
            console.print(_line(grid, [column.cells[number] for column in grid], indent))
        for column in columns:
            if column not in grid and not column.first and column.cells[number]:
                _print_below(console, f"{column.name}: {column.cells[number]}")


def _grid(columns: Sequence[_TableColumn], width: int) -> list[_TableColumn]:
    """The columns that stand side by side, as wide as they are printed."""
    grid = list(columns)
    while grid and _total(grid, folded=True) > width:
        grid.remove(max(grid, key=lambda column: column.width))
    while _total(grid) > width:
        max((column for column in grid if column.folded), key=lambda column: column.width).width -= 1
    return grid


def _total(grid: Sequence[_TableColumn], folded: bool = False) -> int:
    """Columns of a line, with its cells as they are or folded as far as they may be."""
    least = [min(one.width, LEAST) if folded and one.folded else one.width for one in grid]
    return sum(least) + GAP * (len(least) - any(one.first for one in grid))


def _line(grid: Sequence[_TableColumn], cells: Sequence[str], indent: int, style: str = "") -> Padding:
    """A row of the grid: one line or, where cells are folded, several."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in grid:
        table.add_column(width=column.width, overflow="fold", justify="right" if column.right else "left")
    table.add_row(*(Text(cell, style or _STYLES.get(cell, "")) for cell in cells))
    return Padding(table, (0, 0, 0, indent), expand=False)


def _print_below(console: Console, text: str) -> None:
    """Folded between words alone, so that a path can be copied."""
    lines = wrap(
        text,
        console.width,
        initial_indent=" " * GAP,
        subsequent_indent=" " * 2 * GAP,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def print_dataclasses(rows: Sequence[DataclassInstance]) -> None:
    """A table on stdout with a column for each field; nothing without a row."""
    if rows:
        cells = [[_cell(value) for value in astuple(row)] for row in rows]
        print_table([field.name for field in fields(rows[0])], cells)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_cell, value))
    return "" if value is None else str(value)

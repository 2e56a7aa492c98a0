"""A paper's figure: the evidence of its methods, the drawing, and what its numbers say to its claims; and curves."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from unprompt.analysis import draw_levels, levels_table, write_figure
from unprompt.errors import MissingExtra
from unprompt.evaluation import FigureRecipe, Measurements, Ruling, TableRecipe
from unprompt.evaluation.pictures import MACRO
from unprompt.perturbations import Chain
from unprompt.store import Store
from unprompt.workflows.data.perturbed import perturbed_store
from unprompt.workflows.figures.inputs import FigureInputs
from unprompt.workflows.figures.numbers import FIGURES
from unprompt.workflows.laboratory.cells import Bench, HeadCell

log = logging.getLogger(__name__)

FORMS = ("svg", "pdf")


@dataclass(frozen=True)
class FigureRun:
    """What a run of a figure leaves."""

    files: tuple[Path, ...]
    """Of the drawing and of its numbers."""
    numbers: pa.Table
    claims: tuple[Ruling, ...]


def draw_figure(recipe: FigureRecipe, bench: Bench, folder: Path, missing: Mapping[str, str], seed: int) -> FigureRun:
    """The drawing, its numbers and the claims' answers; without the rows that are ``missing``."""
    cells = [HeadCell(bench, row, seed, ()) for row in recipe.rows if row.name not in missing]
    figure = FIGURES[recipe.figure]
    if recipe.by_row:
        parts = [_named(figure.collect(inputs), name) for name, inputs in _conditions(recipe, cells)]
        table = pa.concat_tables(parts)
    else:
        folders = [cell.store for cell in cells]  # all evidence of a selection of pictures lies in one
        table = figure.collect(_inputs(cells[0], folders[0]))
    log.info(f"{recipe.name}: drawing")
    files = write_figure(folder, recipe.figure, figure.draw, table, FORMS)
    return FigureRun(tuple(files), table, tuple(recipe.rule(table.to_pylist(), missing)))


def _conditions(recipe: FigureRecipe, cells: Sequence[HeadCell]) -> Iterator[tuple[str, FigureInputs]]:
    """A row, then the row after each perturbation; its name, and what is shown of it."""
    for cell in cells:
        inputs = replace(_inputs(cell, cell.store), checkpoints=(cell.checkpoint,) if recipe.train else ())
        yield cell.row.name, inputs
        for text in recipe.perturbations:
            log.info(f"{recipe.name}, {cell.row.name}: the test pictures after {text}")
            pictures = perturbed_store([cell.store], cell.untrained(), "test", Chain.parse(text))
            yield f"{cell.row.name}, {text}", replace(inputs, folders=(pictures,))


def _inputs(cell: HeadCell, store: Store) -> FigureInputs:
    bench = cell.bench
    return FigureInputs(
        folders=(store,),
        method=cell.row.method,
        suite=cell.suite,
        seed=cell.seed,
        device=bench.device,
        dtype=bench.dtype,
        max_minutes=bench.max_minutes,
    )


def _named(table: pa.Table, condition: str) -> pa.Table:
    """The numbers of one condition, which is told by this name."""
    place = table.column_names.index("condition")
    return table.set_column(place, "condition", pa.array([condition] * len(table)))


def draw_curves(recipe: TableRecipe, found: Measurements, folder: Path) -> list[Path]:
    """Files of the first metric's means over the recipe's axis; a table that has none, or no drawing, has no files."""
    if not recipe.axis:
        return []
    metric = recipe.metrics[0]
    points = {name: cells[MACRO][metric].interval() for (name, chain), cells in found.cells.items() if not chain}
    try:
        return write_figure(folder, "curves", draw_levels, levels_table(points, metric, recipe.axis), FORMS)
    except MissingExtra as error:
        log.warning(f"{recipe.name} is without its figure: {error}")
        return []

"""A paper's figure: the evidence of its methods, the drawing, and what its numbers say to its claims; and curves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from unprompt.analysis import draw_levels, levels_table, write_figure
from unprompt.errors import MissingExtra
from unprompt.evaluation import FigureRecipe, Measurements, Ruling, TableRecipe
from unprompt.evaluation.pictures import MACRO
from unprompt.store import Store
from unprompt.workflows.figures.inputs import FigureInputs
from unprompt.workflows.figures.numbers import FIGURES
from unprompt.workflows.laboratory.cells import Bench, HeadCell

log = logging.getLogger(__name__)

FORMS = ("svg", "pdf")


def draw_figure(
    recipe: FigureRecipe, bench: Bench, folder: Path, missing: Mapping[str, str], seed: int
) -> tuple[list[Path], list[Ruling]]:
    """Files of the drawing and of its numbers, and the claims' answers; without the methods that are ``missing``."""
    rows = [row for row in recipe.rows if row.name not in missing]
    stores = [HeadCell(bench, row, seed, ()).evidence() for row in rows]
    log.info(f"{recipe.name}: drawing")
    inputs = FigureInputs(
        folders=(Store(stores[0]),),  # all evidence of a selection of pictures lies in one
        method=rows[0].method,
        suite=bench.suite,
        seed=seed,
        device=bench.device,
        dtype=bench.dtype,
        max_minutes=bench.max_minutes,
    )
    figure = FIGURES[recipe.figure]
    table = figure.collect(inputs)
    return write_figure(folder, recipe.figure, figure.draw, table, FORMS), recipe.rule(table.to_pylist())


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

"""A metric over the levels of a knob: few-shot curves, and how much of a picture its caption tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from unprompt.analysis.style import COLUMN, canvas, legend_below, look
from unprompt.report.results import words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unprompt.evaluation import Interval


def levels_table(points: Mapping[str, Interval], metric: str, axis: str) -> pa.Table:
    """A row for each point, whose name is "LINE, LEVEL"; lines and levels keep the order in which they come."""
    rows = []
    for name, one in points.items():
        line, _, level = name.rpartition(", ")
        shared = {"line": line, "at": level, "axis": axis, "metric": metric}
        rows.append({**shared, "value": one.estimate, "low": one.low, "high": one.high})
    return pa.Table.from_pylist(rows)


def draw_levels(table: pa.Table) -> Figure:
    """A line each, with its intervals; levels stand as far from each other whatever they count."""
    rows = table.to_pylist()
    figure, (axes,) = canvas(COLUMN, 2.6)
    levels, lines = ([*dict.fromkeys(row[name] for row in rows)] for name in ("at", "line"))
    for place, line in enumerate(lines):
        own = [row for row in rows if row["line"] == line]
        beside = (place - (len(lines) - 1) / 2) * 0.06  # so that no interval hides another
        across = [levels.index(row["at"]) + beside for row in own]
        ends = [[row["value"] - row["low"] for row in own], [row["high"] - row["value"] for row in own]]
        axes.errorbar(across, [row["value"] for row in own], ends, capsize=2, label=line, **look(place))
    axes.set_xticks(range(len(levels)), levels)
    axes.set(xlabel=rows[0]["axis"], ylabel=f"{words(rows[0]['metric'])}, mean over the generators")
    axes.grid(axis="y")
    legend_below(figure, axes, 3)
    return figure

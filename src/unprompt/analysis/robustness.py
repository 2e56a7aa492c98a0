"""A metric against the strength of a perturbation: SARE's tables 7 and 8, TIDY's figure 3, ITEM's figure 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from unprompt.analysis.style import PAGE, canvas, legend_below, look
from unprompt.errors import DataError
from unprompt.report.results import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FALLING: Final = frozenset({"jpeg"})
"""Kinds whose smaller value is the stronger one."""
AXES: Final[Mapping[str, str]] = {
    "jpeg": "JPEG quality",
    "noise": "Gaussian noise, σ",  # noqa: RUF001
    "noise-variance": "Gaussian noise, σ²",
    "blur": "Gaussian blur, σ",  # noqa: RUF001
    "scale": "scale",
    "flip": "flipped regions",
}


def robustness_table(results: Sequence[Mapping[str, Any]], metric: str, generator: str = "macro") -> pa.Table:
    """A row for each method, kind and value, from rows of results; value is null where nothing was perturbed.

    Chains of several perturbations have no axis and are left out. :class:`DataError` without a perturbed row.
    """
    rows = []
    for one in results:
        if (one["metric"], one["generator"]) != (metric, generator) or "," in one["perturbation"]:
            continue
        kind, _, value = one["perturbation"].partition(":")
        counts = {name: one[name] for name in ("n_real", "n_generated")}
        shared = {"line": f"{one['method']} ({one['suite']})", "metric": metric, "generator": generator, "kind": kind}
        number = float(value) if value else None
        rows.append({**shared, "at": number, "value": one["value"], "low": one["low"], "high": one["high"], **counts})
    if not any(row["kind"] for row in rows):
        raise DataError(
            f"no result of {metric} over {generator} was measured after a perturbation; expected some: run "
            "evaluate with --robustness and --out FILE.parquet, and name that file with --results"
        )
    return pa.Table.from_pylist(rows)


def draw_robustness(table: pa.Table) -> Figure:
    """A panel a kind of perturbation, from none on the left to the strongest on the right, with intervals."""
    rows = table.to_pylist()
    kinds = list(dict.fromkeys(row["kind"] for row in rows if row["kind"]))
    figure, panels = canvas(max(PAGE / 2, PAGE * len(kinds) / 4), 2.6, len(kinds))
    for axes in panels[1:]:
        axes.sharey(panels[0])
        axes.tick_params(labelleft=False)
    for axes, kind in zip(panels, kinds, strict=True):
        _panel(axes, kind, rows)
    panels[0].set_ylabel(f"{words(rows[0]['metric'])}, {rows[0]['generator']}")
    counts = sorted({(row["n_real"], row["n_generated"]) for row in rows})
    numbers = " or ".join(f"{real} + {fake}" for real, fake in counts)
    figure.suptitle(f"After perturbations, n = {numbers}", fontsize=8)
    legend_below(figure, panels[0], 3)
    return figure


def _panel(axes: Axes, kind: str, rows: Sequence[dict[str, Any]]) -> None:
    values = sorted({row["at"] for row in rows if row["kind"] == kind}, reverse=kind in FALLING)
    names = list(dict.fromkeys(row["line"] for row in rows))
    for place, name in enumerate(names):
        chosen = [row for row in rows if row["line"] == name and row["kind"] in ("", kind)]
        at = [0 if row["at"] is None else 1 + values.index(row["at"]) for row in chosen]
        order = np.argsort(at)
        middle = np.array([chosen[i]["value"] for i in order])
        ends = np.array([[_distance(chosen[i], side) for i in order] for side in ("low", "high")])
        axes.errorbar(np.array(at)[order], middle, ends, capsize=2, label=name, **look(place))
    axes.set_xticks(range(1 + len(values)), ["none", *(f"{one:g}" for one in values)])
    axes.set_xlabel(AXES.get(kind, kind))
    axes.grid(axis="y")


def _distance(row: Mapping[str, Any], side: str) -> float:
    """From the value to one end of its interval; 0 without one."""
    return 0.0 if row[side] is None else abs(row[side] - row["value"])

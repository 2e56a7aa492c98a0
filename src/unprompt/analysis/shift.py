"""SARE's figure 4 and equation 7: how much further real pictures lie from their reconstructions than generated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from unprompt.analysis.groups import Floats, groups
from unprompt.analysis.style import COLOURS, GENERATED_COLOUR, PAGE, REAL_COLOUR, canvas
from unprompt.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL: Final = 0.95
GUIDED: Final = "with caption"
FREE: Final = "without caption"
SIDE_BY_SIDE: Final = 3
"""Names that fit under a panel without a slant."""


@dataclass(frozen=True)
class Gap:
    """Mean distances of real and generated pictures from their reconstructions, and their difference."""

    real: float
    generated: float
    delta: float
    """Real minus generated (SARE eq. 7)."""
    low: float
    high: float
    """Ends of the normal interval of ``delta`` at :data:`LEVEL`, the variances of the two means added (Welch)."""
    n_real: int
    n_generated: int


def gap(real: Floats, generated: Floats) -> Gap:
    """Delta = E_real[d(x, x_hat)] - E_fake[d(x, x_hat)] of two or more pictures of each class (SARE eq. 7)."""
    if min(real.size, generated.size) < 2:
        raise DataError(f"got {real.size} real and {generated.size} generated pictures, expected two or more of each")
    delta = float(real.mean() - generated.mean())
    error = float(np.sqrt(real.var(ddof=1) / real.size + generated.var(ddof=1) / generated.size))
    half = float(ndtri((1 + LEVEL) / 2)) * error
    sizes = int(real.size), int(generated.size)
    return Gap(float(real.mean()), float(generated.mean()), delta, delta - half, delta + half, *sizes)


def shift_table(
    labels: Sequence[int], generators: Sequence[str], guided: Sequence[float], free: Sequence[float]
) -> pa.Table:
    """A row for each generator and condition, from N pictures' distances under both."""
    rows = []
    for condition, distances in ((FREE, free), (GUIDED, guided)):
        for group in groups(labels, generators, distances):
            numbers = asdict(gap(group.real, group.generated))
            rows.append({"generator": group.generator, "condition": condition, **numbers, "level": LEVEL})
    return pa.Table.from_pylist(rows)


def draw_shift(table: pa.Table) -> Figure:
    """Left the means under both conditions (figure 4a), right Delta with intervals (figure 4b)."""
    rows = table.to_pylist()
    names = list(dict.fromkeys(row["generator"] for row in rows))
    figure, (means, deltas) = canvas(PAGE, 2.6, 2)
    for place, condition in enumerate((FREE, GUIDED)):
        chosen = {row["generator"]: row for row in rows if row["condition"] == condition}
        _means(means, place, condition, [chosen[name] for name in names])
        _deltas(deltas, place, condition, [chosen[name] for name in names])
    for axes, label, title in (
        (means, "mean perceptual distance", "Pictures and their reconstructions"),
        (deltas, "Δ, real minus generated", f"Δ of equation 7, {100 * LEVEL:g} % intervals"),
    ):
        slant: dict[str, Any] = (
            {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if len(names) > SIDE_BY_SIDE else {}
        )
        axes.set_xticks(range(len(names)), [_counted(rows, name) for name in names], **slant)
        axes.set(ylabel=label, title=title)
        axes.grid(axis="y")
        axes.legend(loc="upper left", ncols=2)
    deltas.axhline(0, color="black", linewidth=0.6)
    deltas.margins(y=0.3)  # space for the legend
    return figure


def _means(axes: Axes, place: int, condition: str, rows: Sequence[dict[str, float]]) -> None:
    for side, (truth, colour) in enumerate((("real", REAL_COLOUR), ("generated", GENERATED_COLOUR))):
        at = np.arange(len(rows)) + (place - 0.5) * 0.44 + (side - 0.5) * 0.2
        axes.bar(
            at,
            [row[truth] for row in rows],
            width=0.18,
            color=colour if condition == GUIDED else "white",
            edgecolor=colour,
            hatch=None if condition == GUIDED else "////",
            label=f"{truth}, {condition}",
        )
    axes.set_ylim(0, 1.3 * max(1e-9, axes.dataLim.y1))  # space for the legend


def _deltas(axes: Axes, place: int, condition: str, rows: Sequence[dict[str, float]]) -> None:
    middle = np.array([row["delta"] for row in rows])
    ends = np.abs(np.array([[row["low"] for row in rows], [row["high"] for row in rows]]) - middle)
    at = np.arange(len(rows)) + (place - 0.5) * 0.2
    colour, mark = (COLOURS[2], "o") if condition == GUIDED else (COLOURS[6], "s")
    axes.errorbar(at, middle, ends, fmt=mark, color=colour, capsize=2, label=condition)


def _counted(rows: Sequence[dict[str, object]], name: str) -> str:
    row = next(one for one in rows if one["generator"] == name)
    return f"{name}\nn = {row['n_real']} + {row['n_generated']}"

"""SARE's equation 7 and figures 2, 4, 7 and 16: how much further real pictures lie from their reconstructions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from unprompt.analysis.groups import Floats, groups
from unprompt.analysis.style import GENERATED_COLOUR, PAGE, REAL_COLOUR, canvas, look
from unprompt.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL: Final = 0.95
GUIDED: Final = "with caption"
FREE: Final = "without caption"
SIDE_BY_SIDE: Final = 3
"""Names that fit under a panel without a slant."""
STEP: Final = 0.88
"""Of the way from one generator to the next, what its conditions fill."""
HATCHES: Final = ("", "////", "....", "xxxx")
FIRST_LOOK: Final = 2
"""Behind the colours of real and generated."""


@dataclass(frozen=True)
class Gap:
    """Mean distances of real and generated pictures from their reconstructions, and their difference."""

    real: float
    generated: float
    real_error: float
    generated_error: float
    """Standard errors of the two means."""
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
    real_error, generated_error = (float(one.std(ddof=1) / np.sqrt(one.size)) for one in (real, generated))
    half = float(ndtri((1 + LEVEL) / 2)) * float(np.hypot(real_error, generated_error))
    return Gap(
        real=float(real.mean()),
        generated=float(generated.mean()),
        real_error=real_error,
        generated_error=generated_error,
        delta=delta,
        low=delta - half,
        high=delta + half,
        n_real=int(real.size),
        n_generated=int(generated.size),
    )


def shift_table(
    labels: Sequence[int],
    generators: Sequence[str],
    distances: Mapping[str, Sequence[float]],
    own: Collection[str] = (),
) -> pa.Table:
    """A row for each generator and condition, from N pictures' distances under each condition.

    ``own`` names the generators that draw by the model which reconstructs: their rows have 1 in the column ``own``.
    """
    rows = []
    for condition, values in distances.items():
        for group in groups(labels, generators, values):
            numbers = asdict(gap(group.real, group.generated))
            named = {"generator": group.generator, "condition": condition, "own": int(group.generator in own)}
            rows.append({**named, **numbers, "level": LEVEL})
    return pa.Table.from_pylist(rows)


def draw_shift(table: pa.Table) -> Figure:
    """Left the means under each condition (figure 4a), right Delta with intervals (figure 4b)."""
    rows = table.to_pylist()
    names, conditions = (list(dict.fromkeys(row[key] for row in rows)) for key in ("generator", "condition"))
    figure, (means, deltas) = canvas(PAGE, 2.6 if len(names) <= SIDE_BY_SIDE else 3.4, 2)
    for place, condition in enumerate(conditions):
        chosen = {row["generator"]: row for row in rows if row["condition"] == condition}
        at = np.arange(len(names), dtype=np.float64) + (place - (len(conditions) - 1) / 2) * STEP / len(conditions)
        _means(means, at, place, condition, [chosen[name] for name in names], 0.36 / len(conditions))
        _deltas(deltas, at, place, condition, [chosen[name] for name in names])
    means.set_ylim(0, (1.1 + 0.15 * len(conditions)) * max(1e-9, means.dataLim.y1))  # space for the legend
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
        axes.legend(loc="upper left", ncols=2, handlelength=1.2, columnspacing=1, handletextpad=0.5)
    deltas.axhline(0, color="black", linewidth=0.6)
    deltas.margins(y=0.3)  # space for the legend
    return figure


def _means(axes: Axes, at: Floats, place: int, condition: str, rows: Sequence[dict[str, float]], width: float) -> None:
    """Full bars under the first condition, hatched ones under the others."""
    for side, (truth, colour) in enumerate((("real", REAL_COLOUR), ("generated", GENERATED_COLOUR))):
        axes.bar(
            at + (side - 0.5) * 1.1 * width,
            [row[truth] for row in rows],
            width=width,
            color="white" if place else colour,
            edgecolor=colour,
            hatch=HATCHES[place % len(HATCHES)],
            label=f"{truth}, {condition}",
        )


def _deltas(axes: Axes, at: Floats, place: int, condition: str, rows: Sequence[dict[str, float]]) -> None:
    middle = np.array([row["delta"] for row in rows])
    ends = np.abs(np.array([[row["low"] for row in rows], [row["high"] for row in rows]]) - middle)
    seen = look(FIRST_LOOK + place)
    axes.errorbar(at, middle, ends, fmt=seen["marker"], color=seen["color"], capsize=2, label=condition)


def _counted(rows: Sequence[dict[str, object]], name: str) -> str:
    row = next(one for one in rows if one["generator"] == name)
    several = len({one["generator"] for one in rows}) > SIDE_BY_SIDE
    between = ", " if several else "\n"  # slanted lines of two generators would run into one another
    return f"{name}{between}n = {row['n_real']} + {row['n_generated']}"

"""Do generated pictures align more or less with their captions? Generator by generator, by three measures.

TIDY (section 3.2) and ITEM say less, SARE and DE-FAKE more. Each measure is a distance of the whole picture from its
full caption: 1 - cos(I, T); the mean of |I - T| (TIDY eq. 2); the length of I/|I| - T/|T| (ITEM eq. 3), which is a
function of the cosine and so must agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from unprompt.analysis.alignment import cosines
from unprompt.analysis.groups import Floats, groups
from unprompt.analysis.shift import LEVEL, gap
from unprompt.analysis.style import COLUMN, canvas, legend_below, look
from unprompt.evaluation import auc_interval
from unprompt.evidence.alignment import Vector, item, tidy
from unprompt.types import GENERATED, REAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES: Final[Mapping[str, Callable[[Vector, Vector], Floats]]] = MappingProxyType(
    {
        "1 - cosine": lambda images, texts: 1 - cosines(images, texts),
        "|I - T|": lambda images, texts: tidy(images, texts).mean(axis=1, dtype=np.float64),
        "I/|I| - T/|T|": lambda images, texts: np.linalg.norm(item(images, texts).astype(np.float64), axis=1),
    }
)
"""Name -> N distances of N x d pictures from their N x d captions."""


def sign_table(labels: Sequence[int], generators: Sequence[str], images: Vector, texts: Vector) -> pa.Table:
    """A row for each measure and generator, against its real pictures, with intervals at 95 %.

    ``chance`` that a generated picture lies further from its caption than a real one (DeLong's interval): above 0.5
    as TIDY and ITEM have it. ``delta`` is the mean distance of generated minus that of real pictures (Welch's
    interval), in the real pictures' standard deviations. DataError for a generator with fewer than two pictures of a
    class.
    """
    rows: list[dict[str, object]] = []
    for measure, distance in MEASURES.items():
        for group in groups(labels, generators, distance(images, texts).tolist()):
            moved = gap(group.real, group.generated)  # raises for too few
            unit = max(float(group.real.std(ddof=1)), np.finfo(float).tiny)
            truth = np.repeat([REAL, GENERATED], [group.real.size, group.generated.size])
            chance = auc_interval(truth, np.concatenate([group.real, group.generated]), LEVEL)
            ends = -moved.delta / unit, -moved.high / unit, -moved.low / unit
            row: dict[str, object] = {
                "measure": measure,
                "generator": group.generator,
                "answer": answer(chance.low, chance.high),
            }
            row |= {"chance": chance.estimate, "low": chance.low, "high": chance.high}
            row |= dict(zip(("delta", "delta_low", "delta_high"), ends, strict=True))
            rows.append(row | {"n_real": group.real.size, "n_generated": group.generated.size, "level": LEVEL})
    return pa.Table.from_pylist(rows)


def answer(low: float, high: float) -> str:
    """Which class is aligned less, by the interval of the chance; undecided where it holds 0.5."""
    return "generated less" if low > 0.5 else "generated more" if high < 0.5 else "undecided"


def draw_sign(table: pa.Table) -> Figure:
    """The chance with its interval: a line a generator, a mark a measure."""
    rows = table.to_pylist()
    names = list(dict.fromkeys(row["generator"] for row in rows))
    figure, (axes,) = canvas(COLUMN, 1.4 + 0.45 * len(names))
    for place, measure in enumerate(dict.fromkeys(row["measure"] for row in rows)):
        chosen: list[dict[str, Any]] = [row for row in rows if row["measure"] == measure]
        at = [names.index(row["generator"]) + 0.2 * (place - 1) for row in chosen]
        middle = np.array([row["chance"] for row in chosen])
        ends = np.abs(np.array([[row["low"] for row in chosen], [row["high"] for row in chosen]]) - middle)
        style = look(place)
        axes.errorbar(middle, at, xerr=ends, fmt=style["marker"], color=style["color"], capsize=2, label=measure)
    counts = {row["generator"]: f"n = {row['n_real']} + {row['n_generated']}" for row in rows}
    axes.set_yticks(range(len(names)), [f"{name}\n{counts[name]}" for name in names])
    axes.invert_yaxis()
    axes.axvline(0.5, color="black", linewidth=0.6)
    axes.set(
        xlabel="P(a generated picture lies further from its caption)", title=f"The sign, {100 * LEVEL:g} % intervals"
    )
    axes.grid(axis="x")
    legend_below(figure, axes)
    return figure

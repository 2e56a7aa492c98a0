"""ROC and DET curves and reliability diagrams of calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import ndtri

from unprompt.analysis.style import COLOURS, COLUMN, canvas, legend_below, look
from unprompt.detectors.logistic import class_weights
from unprompt.evaluation import ece
from unprompt.evaluation.curve import Ranking
from unprompt.evaluation.metrics import BINS, bin_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATES: Final = (0.001, 0.01, 0.05, 0.2, 0.4)
"""Ticks of a DET curve."""


@dataclass(frozen=True, eq=False)
class Scored:
    """N pictures of both classes with calibrated probabilities of "generated"."""

    generated: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float64]

    def words(self) -> str:
        """Counts for a legend."""
        return f"n = {int((~self.generated).sum())} + {int(self.generated.sum())}"


def roc_table(lines: Mapping[str, Scored]) -> pa.Table:
    """A row for each corner of each curve, with the line's AUC; a tie is one corner."""
    rows = []
    for name, one in lines.items():
        curve = Ranking.of(one.generated, one.probabilities).curve()
        shared = {"line": f"{name}, {one.words()}", "auc": curve.auc()}
        rates = zip(curve.false / curve.false[-1], curve.true / curve.true[-1], strict=True)
        rows += [{**shared, "fpr": float(fpr), "tpr": float(tpr)} for fpr, tpr in rates]
    return pa.Table.from_pylist(rows)


def draw_roc(table: pa.Table) -> Figure:
    """True against false positives; the diagonal is chance."""
    figure, (axes,) = canvas(COLUMN, 3.6)
    axes.plot([0, 1], [0, 1], color=COLOURS[7], linewidth=0.8)
    for place, (name, rows) in enumerate(_lines(table).items()):
        looks = {**look(place), "marker": None}
        axes.plot(
            [row["fpr"] for row in rows],
            [row["tpr"] for row in rows],
            **looks,
            label=f"{name}, AUC {rows[0]['auc']:.3f}",
        )
    axes.set_xlabel("false-positive rate (real called generated)")
    axes.set_ylabel("true-positive rate")
    axes.set_title("ROC, n = real + generated")
    axes.set_aspect("equal")
    axes.grid()
    legend_below(figure, axes)
    return figure


def draw_det(table: pa.Table) -> Figure:
    """Misses against false alarms on normal deviates (Martin et al. 1997); rates of 0 and 1 have no place there."""
    figure, (axes,) = canvas(COLUMN, 3.6)
    for place, (name, rows) in enumerate(_lines(table).items()):
        corners = [(row["fpr"], 1 - row["tpr"]) for row in rows if 0 < row["fpr"] < 1 and 0 < row["tpr"] < 1]
        across, up = (ndtri([one[side] for one in corners]) for side in (0, 1))
        looks = {**look(place), "marker": look(place)["marker"] if len(corners) < 3 else None}
        axes.plot(across, up, **looks, label=name + ("" if corners else " (no errors to show)"))
    ticks = ndtri(RATES)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{100 * rate:g}" for rate in RATES])
    axes.set_xlim(ticks[0] - 0.1, ticks[-1] + 0.2)
    axes.set_ylim(ticks[0] - 0.1, ticks[-1] + 0.2)
    axes.set_xlabel("real called generated (%)")
    axes.set_ylabel("generated called real (%)")
    axes.set_title("DET, n = real + generated")
    axes.set_aspect("equal")
    axes.grid()
    legend_below(figure, axes)
    return figure


def reliability_table(lines: Mapping[str, Scored]) -> pa.Table:
    """A row for each filled bin of :func:`unprompt.evaluation.ece` at prior 0.5: each class weighs one half."""
    rows = []
    for name, one in lines.items():
        fake = one.generated
        weights = class_weights(fake)
        bins = bin_of(one.probabilities)
        shared = {"line": f"{name}, {one.words()}", "ece": ece(fake, one.probabilities, prior=0.5)}
        for place in range(BINS):
            inside = bins == place
            if inside.any():
                weight = float(weights[inside].sum())
                mean = float(weights[inside] @ one.probabilities[inside]) / weight
                share = float(weights[inside] @ fake[inside]) / weight
                count = int(inside.sum())
                rows.append({**shared, "bin": place, "probability": mean, "share": share, "weight": weight, "n": count})
    return pa.Table.from_pylist(rows)


def draw_reliability(table: pa.Table) -> Figure:
    """Share of generated pictures against the predicted probability; a mark's area is its bin's weight."""
    figure, (axes,) = canvas(COLUMN, 3.6)
    axes.plot([0, 1], [0, 1], color=COLOURS[7], linewidth=0.8)
    for place, (name, rows) in enumerate(_lines(table).items()):
        across, up = [row["probability"] for row in rows], [row["share"] for row in rows]
        looks = look(place)
        axes.plot(across, up, color=looks["color"], linestyle=looks["linestyle"], linewidth=0.8)
        sizes = [10 + 120 * row["weight"] for row in rows]
        axes.scatter(
            across,
            up,
            s=sizes,
            color=looks["color"],
            marker=looks["marker"],
            alpha=0.8,
            label=f"{name}, ECE {rows[0]['ece']:.3f}",
        )
    axes.set_xlabel("predicted probability of “generated”")
    axes.set_ylabel("share that was generated, at prior 0.5")
    axes.set_title("Reliability, n = real + generated")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.grid()
    legend_below(figure, axes)
    return figure


def _lines(table: pa.Table) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {}
    for row in table.to_pylist():
        found.setdefault(str(row["line"]), []).append(row)
    return found

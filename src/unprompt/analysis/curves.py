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
        across, up = [row["fpr"] for row in rows], [row["tpr"] for row in rows]
        axes.plot(across, up, **looks, label=f"{name}, AUC {rows[0]['auc']:.3f}")
    axes.set(xlabel="false-positive rate (real called generated)", ylabel="true-positive rate")
    return _finished(figure, "ROC")


def draw_det(table: pa.Table) -> Figure:
    """Misses against false alarms on normal deviates (Martin et al. 1997), on which rates of 0 and 1 are infinite."""
    figure, (axes,) = canvas(COLUMN, 3.6)
    for place, (name, rows) in enumerate(_lines(table).items()):
        corners = [(row["fpr"], 1 - row["tpr"]) for row in rows if 0 < row["fpr"] < 1 and 0 < row["tpr"] < 1]
        across, up = (ndtri([one[side] for one in corners]) for side in (0, 1))
        looks = {**look(place), "marker": look(place)["marker"] if len(corners) < 3 else None}
        axes.plot(across, up, **looks, label=name + ("" if corners else " (no errors to show)"))
    ticks = ndtri(RATES)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{100 * rate:g}" for rate in RATES])
    limits = (ticks[0] - 0.1, ticks[-1] + 0.2)
    axes.set(xlim=limits, ylim=limits, xlabel="real called generated (%)", ylabel="generated called real (%)")
    return _finished(figure, "DET")


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
        looks, sizes = look(place), [10 + 120 * row["weight"] for row in rows]
        shared, label = {"color": looks["color"]}, f"{name}, ECE {rows[0]['ece']:.3f}"
        axes.plot(across, up, linestyle=looks["linestyle"], linewidth=0.8, **shared)
        axes.scatter(across, up, s=sizes, marker=looks["marker"], alpha=0.8, label=label, **shared)
    axes.set(xlabel="predicted probability of “generated”", ylabel="share that was generated, at prior 0.5")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return _finished(figure, "Reliability")


def _finished(figure: Figure, name: str) -> Figure:
    """Title, grid and legend of a figure with one square plot."""
    (axes,) = figure.axes
    axes.set(title=f"{name}, n = real + generated", aspect="equal")
    axes.grid()
    legend_below(figure, axes)
    return figure


def _lines(table: pa.Table) -> dict[str, list[dict[str, float]]]:
    lines: dict[str, list[dict[str, float]]] = {}
    for row in table.to_pylist():
        lines.setdefault(str(row["line"]), []).append(row)
    return lines

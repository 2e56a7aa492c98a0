"""SemGIR's table 3: does a redrawn picture keep the words or the pixels of the one that it was made from?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from unprompt.analysis.style import COLUMN, canvas, legend_below, look
from unprompt.datasets.pairs import UNKNOWN
from unprompt.errors import DataError
from unprompt.images import centre_square
from unprompt.types import RGB

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Redrawn:
    """One picture beside what was drawn of it."""

    label: int
    generator: str
    kind: str
    """regeneration (SemGIR: from the caption alone) or reconstruction (DIRE: img2img without caption)."""
    score: float
    """CLIP score: cosine of what was drawn and the picture's caption."""
    psnr: float
    """Decibels between the picture and what was drawn."""


def psnr(picture: RGB, drawn: RGB) -> float:
    """10 log10(255^2 / MSE) in dB of two pictures of one size; equal ones count as one grey level off at one place."""
    if picture.shape != drawn.shape:
        raise DataError(f"got pictures of shape {picture.shape} and {drawn.shape}, expected one shape: crop them alike")
    error = float(np.mean((picture.astype(np.float64) - drawn.astype(np.float64)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1 / picture.size)))


def alike(picture: RGB, drawn: RGB) -> tuple[RGB, RGB]:
    """Both as the centre squares of the side of ``drawn``'s shorter edge; the papers do not say how they compare."""
    side = min(drawn.shape[:2])
    return centre_square(picture, side), centre_square(drawn, side)


def consistency_table(redrawn: Sequence[Redrawn]) -> pa.Table:
    """A row for each group and kind: means, their standard errors (NaN of one picture), and n."""
    keys = sorted({(one.label, one.generator, one.kind) for one in redrawn})
    rows = []
    for label, generator, kind in keys:
        chosen = [one for one in redrawn if (one.label, one.generator, one.kind) == (label, generator, kind)]
        row: dict[str, object] = {"label": label, "generator": generator or UNKNOWN, "kind": kind, "n": len(chosen)}
        for name in ("score", "psnr"):
            values = np.array([getattr(one, name) for one in chosen])
            error = float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")
            row |= {name: float(values.mean()), f"{name}_error": error}
        rows.append(row)
    return pa.Table.from_pylist(rows)


def draw_consistency(table: pa.Table) -> Figure:
    """CLIP score against PSNR: a mark a group, filled for regenerations, hollow for reconstructions; 1.96 errors."""
    rows = table.to_pylist()
    names = list(dict.fromkeys((row["label"], row["generator"]) for row in rows))
    figure, (axes,) = canvas(COLUMN, 2.8)
    for row in rows:
        place = names.index((row["label"], row["generator"]))
        colour, hollow = look(place)["color"], row["kind"] == "reconstruction"
        truth = "generated" if row["label"] else "real"
        axes.errorbar(
            row["psnr"],
            row["score"],
            xerr=_ends(row["psnr_error"]),
            yerr=_ends(row["score_error"]),
            fmt=look(place)["marker"],
            color=colour,
            markerfacecolor="white" if hollow else colour,
            markersize=5,
            elinewidth=0.8,
            label=f"{row['kind']}, {truth}: {row['generator']}, n = {row['n']}",
        )
    axes.set(
        xlabel="PSNR to the picture (dB)", ylabel="CLIP score to its caption", title="What a redrawn picture keeps"
    )
    axes.grid()
    legend_below(figure, axes)
    return figure


def _ends(error: float | None) -> float:
    """Half an interval of 95 %; none of a single picture, whose NaN a CSV gives back as nothing."""
    return 0.0 if error is None or np.isnan(error) else 1.96 * error

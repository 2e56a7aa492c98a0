"""How close pictures lie to their own captions, generator by generator, and in which direction the classes differ.

TIDY (figure 1b) and ITEM say that generated pictures are aligned less than real ones; SARE and DE-FAKE say more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unprompt.analysis.groups import groups
from unprompt.analysis.style import COLUMN, GENERATED_COLOUR, REAL_COLOUR, canvas
from unprompt.datasets.pairs import UNKNOWN
from unprompt.evaluation import auc_interval, roc_auc
from unprompt.evaluation.delong import LEAST
from unprompt.types import GENERATED, REAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def cosines(images: npt.ArrayLike, texts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """cos(I, T) of N pictures and their N captions, in [-1, 1]; 0 for a vector without a direction."""
    left, right = np.asarray(images, np.float64), np.asarray(texts, np.float64)
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    products = (left * right).sum(axis=1)
    return np.asarray(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0), np.float64)


def alignment_table(labels: Sequence[int], generators: Sequence[str], values: Sequence[float]) -> pa.Table:
    """A row for each picture."""
    names = [name or UNKNOWN for name in generators]
    return pa.table(
        {"label": pa.array(labels, pa.int64()), "generator": names, "cosine": pa.array(values, pa.float64())}
    )


def direction(real: npt.ArrayLike, generated: npt.ArrayLike) -> float:
    """Chance that a real picture is aligned more than a generated one: above 0.5 as in TIDY, below as in SARE."""
    left, right = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    labels = np.repeat([REAL, GENERATED], [left.size, right.size])
    return roc_auc(labels, -np.concatenate([left, right]))


def draw_alignment(table: pa.Table) -> Figure:
    """A box for each group: quartiles, median, 5 to 95 % as whiskers; beside each generator :func:`direction`."""
    labels, generators, values = (table[name].to_pylist() for name in ("label", "generator", "cosine"))
    chances = {group.generator: _chance(group.real, group.generated) for group in groups(labels, generators, values)}
    keys = sorted(set(zip(labels, generators, strict=True)))
    figure, (axes,) = canvas(COLUMN, 0.9 + 0.32 * len(keys))
    for place, (label, name) in enumerate(keys):
        chosen = np.array([one for one, *key in zip(values, labels, generators, strict=True) if key == [label, name]])
        low, first, middle, third, high = np.quantile(chosen, [0.05, 0.25, 0.5, 0.75, 0.95])
        colour = GENERATED_COLOUR if label == GENERATED else REAL_COLOUR
        axes.plot([low, high], [place, place], color=colour)
        axes.barh(place, third - first, left=first, height=0.5, color="white", edgecolor=colour)
        axes.plot([middle], [place], "D" if label == GENERATED else "o", color=colour)
        if label == GENERATED:
            axes.annotate(chances[name], (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=6)
    words = {REAL: "real", GENERATED: "generated"}
    counts = [sum(key == pair for pair in zip(labels, generators, strict=True)) for key in keys]
    axes.set_yticks(
        range(len(keys)), [f"{words[key[0]]}: {key[1]}, n = {n}" for key, n in zip(keys, counts, strict=True)]
    )
    axes.invert_yaxis()
    title = f"Alignment, n = {labels.count(REAL)} + {labels.count(GENERATED)}"
    axes.set(xlabel="cosine of picture and caption", title=title)
    axes.annotate("P(real\nmore)", (1.02, 0.98), xycoords="axes fraction", va="top", fontsize=6)
    axes.grid(axis="x")
    return figure


def _chance(real: npt.NDArray[np.float64], generated: npt.NDArray[np.float64]) -> str:
    text = f"{direction(real, generated):.2f}"
    if min(real.size, generated.size) < LEAST:
        return text
    labels = np.repeat([REAL, GENERATED], [real.size, generated.size])
    interval = auc_interval(labels, -np.concatenate([real, generated]), 0.95)
    return f"{text}\n[{interval.low:.2f}, {interval.high:.2f}]"

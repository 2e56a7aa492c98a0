"""Pictures in the plane: TIDY's and ITEM's figure 9, by t-SNE (van der Maaten and Hinton, 2008)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from unprompt.analysis.style import COLUMN, PAGE, REAL_COLOUR, canvas, drawing, legend_below, look
from unprompt.datasets.pairs import UNKNOWN
from unprompt.errors import DataError
from unprompt.types import REAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST: Final = 4
PERPLEXITY: Final = 30.0


def perplexity_for(count: int) -> float:
    """30, or a third of the other pictures where they are few."""
    return min(PERPLEXITY, (count - 1) / 3)


def embedded(features: npt.NDArray[np.floating], seed: int = 0) -> npt.NDArray[np.float64]:
    """N x d -> N x 2 by scikit-learn's t-SNE from the first two principal components; the same seed, the same place."""
    if len(features) < LEAST:
        raise DataError(f"got {len(features)} pictures, expected {LEAST} or more for t-SNE: add pictures")
    tsne = drawing("sklearn.manifold").TSNE(
        n_components=2, perplexity=perplexity_for(len(features)), init="pca", learning_rate="auto", random_state=seed
    )
    return np.asarray(tsne.fit_transform(np.asarray(features, np.float32)), np.float64)


def tsne_table(
    condition: str, labels: Sequence[int], generators: Sequence[str], places: npt.NDArray[np.float64]
) -> pa.Table:
    """A row for each picture; ``condition`` tells whose vectors they are."""
    names = [name or UNKNOWN for name in generators]
    own = {"condition": [condition] * len(names), "label": pa.array(labels, pa.int64()), "generator": names}
    return pa.table({**own, "x": places[:, 0], "y": places[:, 1]})


def draw_tsne(table: pa.Table) -> Figure:
    """A panel for each condition, in it a mark for each picture: real ones blue rings, each generator a colour."""
    rows = table.to_pylist()
    conditions = list(dict.fromkeys(row["condition"] for row in rows))
    names = sorted({str(row["generator"]) for row in rows if row["label"]})
    figure, panels = canvas(PAGE, 2.2, len(conditions)) if len(conditions) > 1 else canvas(COLUMN, 3.2)
    for axes, condition in zip(panels, conditions, strict=True):
        _panel(axes, condition, [row for row in rows if row["condition"] == condition], names)
    legend_below(figure, panels[0], 2 * len(panels))
    return figure


def _panel(axes: Axes, condition: str, rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    real = [row for row in rows if row["label"] == REAL]
    hollow: dict[str, Any] = {"markersize": 3, "markerfacecolor": "none", "color": REAL_COLOUR}
    axes.plot(*_axes(real), "o", **hollow, label=f"real, n = {len(real)}")
    for place, name in enumerate(names, 1):
        chosen = [row for row in rows if row["label"] != REAL and row["generator"] == name]
        filled: dict[str, Any] = {"markersize": 3, "markeredgewidth": 0, "alpha": 0.8, "color": look(place)["color"]}
        axes.plot(*_axes(chosen), look(place)["marker"], **filled, label=f"{name}, n = {len(chosen)}")
    told = f"{condition}: t-SNE,\nn = {len(rows)}, perplexity {perplexity_for(len(rows)):.3g}"
    axes.set(title=told, xticks=[], yticks=[])


def _axes(rows: Sequence[dict[str, float]]) -> tuple[list[float], list[float]]:
    return [row["x"] for row in rows], [row["y"] for row in rows]

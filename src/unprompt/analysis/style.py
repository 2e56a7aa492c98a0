"""How figures look: a column's width, type that can be read there, colours for the colour-blind, vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from unprompt.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REAL_COLOUR: Final = "#0072B2"
GENERATED_COLOUR: Final = "#D55E00"
COLOURS: Final = (REAL_COLOUR, GENERATED_COLOUR, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's, without the yellow that white paper swallows, and a grey."""
MARKERS: Final = "osD^vP*X"
DASHES: Final = ("-", "--", "-.", ":")
COLUMN: Final = 3.4
"""Width in inches of a column of a two-column paper."""
PAGE: Final = 7.0
_LOOKS: Final = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "font.family": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "legend.frameon": False,
    "svg.fonttype": "none",  # words stay words: searchable, and in the reader's type
    "svg.hashsalt": "unprompt",  # the same numbers give the same bytes
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
}
_UNDATED: Final[dict[str, dict[str, Any]]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
FORMATS: Final = tuple(_UNDATED)


def looks() -> AbstractContextManager[None]:
    """The settings under which figures are drawn and saved; MissingExtra without matplotlib."""
    context: AbstractContextManager[None] = drawing("matplotlib").rc_context(_LOOKS)
    return context


def drawing(module: str) -> Any:
    """A module of the extra ``plots``; MissingExtra, with the line that installs it, when it cannot be imported."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"analyse needs {module}, which cannot be imported here ({error}): pip install 'unprompt[plots]'"
        ) from error


def canvas(width: float, height: float, columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """A figure of so many inches with axes side by side."""
    figure = drawing("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    return figure, list(axes)


def legend_below(figure: Figure, axes: Axes, columns: int = 1) -> None:
    """The legend of ``axes`` under the figure, where no line runs through it; the figure grows by its rows."""
    handles, labels = axes.get_legend_handles_labels()
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.15 * -(-len(labels) // columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def saver(figure: Figure, form: str) -> Callable[[BinaryIO], None]:
    """What writes the figure into an open file, without the time."""

    def save(file: BinaryIO) -> None:
        figure.savefig(file, format=form, metadata=_UNDATED[form])

    return save


def look(place: int) -> dict[str, Any]:
    """Colour, marker and dash of line number ``place``: eight colours, and other marks and dashes in the next round."""
    turned = place + place // len(COLOURS)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[turned % len(MARKERS)],
        "linestyle": DASHES[turned % len(DASHES)],
    }

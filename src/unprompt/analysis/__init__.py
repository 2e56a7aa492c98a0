"""Tables in, figures out: each figure is drawn from its numbers alone, which are stored beside it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from unprompt.analysis.alignment import alignment_table, cosines, direction, draw_alignment
from unprompt.analysis.consistency import Redrawn, alike, consistency_table, draw_consistency, psnr
from unprompt.analysis.curves import Scored, draw_det, draw_reliability, draw_roc, reliability_table, roc_table
from unprompt.analysis.files import check_forms, read_numbers, write_figure
from unprompt.analysis.robustness import draw_robustness, robustness_table
from unprompt.analysis.shift import Gap, draw_shift, gap, shift_table
from unprompt.analysis.tsne import draw_tsne, embedded, tsne_table

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

FIGURES: Final[Mapping[str, "Callable[[pa.Table], Figure]"]] = MappingProxyType(
    {
        "shift": draw_shift,
        "alignment": draw_alignment,
        "consistency": draw_consistency,
        "tsne": draw_tsne,
        "roc": draw_roc,
        "det": draw_det,
        "reliability": draw_reliability,
        "robustness": draw_robustness,
    }
)
"""Name -> how it is drawn from its numbers."""

__all__ = [
    "FIGURES",
    "Gap",
    "Redrawn",
    "Scored",
    "alignment_table",
    "alike",
    "check_forms",
    "consistency_table",
    "cosines",
    "direction",
    "embedded",
    "gap",
    "psnr",
    "read_numbers",
    "reliability_table",
    "robustness_table",
    "roc_table",
    "shift_table",
    "tsne_table",
    "write_figure",
]

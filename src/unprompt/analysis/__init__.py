"""Tables in, figures out: each figure is drawn from its numbers alone, which are stored beside it."""

from unprompt.analysis.alignment import alignment_table, cosines, direction, draw_alignment
from unprompt.analysis.consistency import Redrawn, alike, consistency_table, draw_consistency, psnr
from unprompt.analysis.curves import Scored, draw_det, draw_reliability, draw_roc, reliability_table, roc_table
from unprompt.analysis.files import check_forms, read_numbers, write_figure
from unprompt.analysis.levels import draw_levels, levels_table
from unprompt.analysis.robustness import draw_robustness, robustness_table
from unprompt.analysis.shift import FREE, GUIDED, Gap, draw_shift, gap, shift_table
from unprompt.analysis.sign import draw_sign, sign_table
from unprompt.analysis.tsne import draw_tsne, embedded, tsne_table

__all__ = [
    "FREE",
    "GUIDED",
    "Gap",
    "Redrawn",
    "Scored",
    "alignment_table",
    "alike",
    "check_forms",
    "consistency_table",
    "cosines",
    "direction",
    "draw_alignment",
    "draw_consistency",
    "draw_det",
    "draw_levels",
    "draw_reliability",
    "draw_robustness",
    "draw_roc",
    "draw_shift",
    "draw_sign",
    "draw_tsne",
    "embedded",
    "gap",
    "levels_table",
    "psnr",
    "read_numbers",
    "reliability_table",
    "robustness_table",
    "roc_table",
    "shift_table",
    "sign_table",
    "tsne_table",
    "write_figure",
]

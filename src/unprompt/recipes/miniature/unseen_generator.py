"""Stage: photographs of what the flow draws, for the suite's folder.

They are shipped in place of its weights: a generator that no head has seen is only looked at, never asked.
"""

from __future__ import annotations

import logging

from unprompt.datasets.miniature import BATCH, UNSEEN, photographs, prompt_seeds, prompted
from unprompt.instruments.cards import Origin
from unprompt.instruments.flow import PixelFlow
from unprompt.recipes.miniature.examples import UNSEEN_SEEDS
from unprompt.recipes.miniature.pictures import counts_of
from unprompt.recipes.miniature.stage import BuildContext, Stage, put

log = logging.getLogger(__name__)


def make(context: BuildContext) -> dict[str, float]:
    """Draw the scenes that all generators draw for the test split, and those of the examples."""
    shoot, folder = prompted(PixelFlow(Origin(context.model("flow")))), context.suite / UNSEEN / "flow"
    seeds = [*prompt_seeds("test", counts_of(context).test), *UNSEEN_SEEDS]
    for start in range(0, len(seeds), BATCH):
        batch = seeds[start : start + BATCH]
        for seed, jpeg in zip(batch, photographs(shoot, batch), strict=True):
            put(folder / f"{seed}.jpg", jpeg)
        log.info(f"flow: {start + len(batch)} of {len(seeds)} pictures")
    return {"pictures": float(len(seeds))}


STAGE = Stage("unseen_generator", make)

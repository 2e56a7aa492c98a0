"""The recipe of the embedded suite: its stages in order, each made once and stamped with what it measured."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from unprompt.instruments.loading import quietly
from unprompt.recipes.miniature.stage import BuildContext, Stage, put

log = logging.getLogger(__name__)

STAGES: Final = (
    "autoencoder",
    "captioner",
    "encoder",
    "diffusion",
    "flow",
    "second_diffusion",
    "grounder",
    "discriminator",
    "assemble",
    "unseen_generator",
    "pictures",
    "heads",
    "examples",
    "golden",
)
"""Names of the modules beside this one that hold a ``STAGE``, in the order of the work."""
FURTHER: Final = ("adversarial", "quantiser", "masked", "families")
"""The stages of generators that are not shipped, which rest on none of the others."""


def run(context: BuildContext, only: str | None = None, stages: Sequence[str] = STAGES) -> None:
    """Make all stages that have no stamp yet, or the one that is named, whether it has one or not."""
    for name in stages if only is None else (only,):
        if only is None and context.stamp(name).exists():
            log.info(f"{name}: finished before ({_figures_text(context.figures(name))})")
        else:
            make(context, name)


def make(context: BuildContext, name: str) -> None:
    """Make one stage and stamp it; the stages after it lose their stamps, since they rest on it."""
    stage: Stage = import_module(f"unprompt.recipes.miniature.{name}").STAGE
    stages = FURTHER if name in FURTHER else STAGES
    for later in stages[stages.index(name) :]:
        context.stamp(later).unlink(missing_ok=True)
    log.info(f"{name}: begins")
    began = time.monotonic()
    with quietly():  # The libraries' bars are no progress of ours.
        figures = stage.make(context)
    minutes = (time.monotonic() - began) / 60
    put(context.stamp(name), json.dumps({"figures": figures, "minutes": round(minutes, 1)}, indent=1).encode())
    log.info(f"{name}: finished in {minutes:.1f} minutes ({_figures_text(figures)})")


def _figures_text(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

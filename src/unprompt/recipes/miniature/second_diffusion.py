"""Stage: a second diffusion (``sibling``) of the same class, which attribution has to separate from the first.

It has an autoencoder, widths of UNet and text encoder, and noise schedule of its own; prompts and scenes are the same.
"""

from __future__ import annotations

from typing import Final

import torch

from unprompt.recipes.miniature import autoencoder, diffusion
from unprompt.recipes.miniature.diffusion import Plan
from unprompt.recipes.miniature.stage import BuildContext, Stage
from unprompt.training.schedule import Schedule

PLAN: Final = Plan("sibling", "sibling-autoencoder", 6, (48, 80), 96, 2, "squaredcos_cap_v2", 6500)


def make(context: BuildContext) -> dict[str, float]:
    """Train its autoencoder, then itself; a run that was interrupted goes on in whichever it was."""
    torch.manual_seed(5)
    built = autoencoder.build((16, 32, 48), channels=6)
    schedule = Schedule(context.steps(4000), batch=16, rate=2e-3, average=0.999)
    return autoencoder.train(context, PLAN.autoencoder, built, schedule) | diffusion.train(context, PLAN)


STAGE = Stage("second_diffusion", make)

"""Stage: the unseen generator, a rectified flow that paints pixels and shares no weight with the suite.

It is the generator that no head has seen; how it draws is described in :mod:`unprompt.instruments.flow`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from unprompt.instruments.cards import Origin
from unprompt.instruments.flow import TICKS, PixelFlow
from unprompt.recipes.loop import train
from unprompt.recipes.miniature.agreement import agreement
from unprompt.recipes.miniature.drawing import Drawing, prompt_tokenizer, prompts, unet
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.scenes.corpus import Indices
from unprompt.training.schedule import Schedule

PATCH = 4
"""Pixels of a patch become channels: 64 x 64 x 3 -> 16 x 16 x 48."""
SHIFT = 0.6
"""Mean of the logit of t in training: most steps where the layout is decided."""
LEAST_TIME = 0.05
"""The velocity's error divides by t, no smaller than this."""


def make(context: BuildContext) -> dict[str, float]:
    """Train on scenes before the camera, save, and judge drawn scenes by the captioner."""
    torch.manual_seed(4)
    scenes = context.scenes()
    tokenizer = prompt_tokenizer(scenes.captions)
    model, tokens = Drawing(tokenizer, unet(3 * PATCH**2, (64, 96))), prompts(tokenizer, scenes.captions)

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        x = pixel_unshuffle(as_tensor(scenes.pictures[indices]), PATCH)
        time = torch.sigmoid(torch.randn(len(x), generator=noise) + SHIFT)
        t = time[:, None, None, None]
        x_t = (1 - t) * x + t * torch.randn(x.shape, generator=noise)
        x_hat: Tensor = model(x_t, time * TICKS, tokens.drawn(indices, noise))
        return ((x_hat - x) / t.clamp(min=LEAST_TIME)).square().mean()

    schedule = Schedule(context.steps(4400), batch=32, rate=8e-4, warmup=300, average=0.9995)
    train(model, schedule, context.checkpoint("flow"), loss, len(scenes))
    folder = context.model("flow")
    model.save(folder, tokenizer)
    flow = PixelFlow(Origin(folder))
    return agreement(context, lambda captions, seeds: np.stack(flow.regenerate(captions, seeds)))


STAGE = Stage("flow", make)

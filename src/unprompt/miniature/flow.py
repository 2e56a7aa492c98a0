"""Stage: the outsider, a rectified flow that paints pixels and shares no weight with the suite.

It is the generator that no head has seen. x_t = (1 - t) x + t eps; the network tells x, and the velocity
(x_t - x) / t carries a drawing from noise (t = 1) to picture (t = 0).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from unprompt.miniature.agreement import agreement
from unprompt.miniature.drawing import Drawing, prompt_tokenizer, prompts, unet
from unprompt.miniature.loop import Schedule, Trainer
from unprompt.miniature.stage import Stage, Workshop, as_tensor

PATCH = 4
"""Pixels of a patch become channels: 64 x 64 x 3 -> 16 x 16 x 48."""
GUIDANCE, STEPS = 2.0, 20
SHIFT = 0.6
"""Mean of the logit of t in training: most steps where the layout is decided."""
LEAST_TIME = 0.05
"""The velocity's error divides by t, no smaller than this."""
TICKS = 1000
"""Time as the UNet counts it."""


def make(workshop: Workshop) -> dict[str, float]:
    """Train on scenes before the camera, save, and judge drawn scenes by the captioner."""
    torch.manual_seed(4)
    scenes = workshop.scenes()
    tokenizer = prompt_tokenizer(scenes.captions)
    model, told = Drawing(tokenizer, unet(3 * PATCH**2, (64, 128))), prompts(tokenizer, scenes.captions)

    def loss(indices: np.ndarray, noise: torch.Generator, progress: float) -> Tensor:
        x = pixel_unshuffle(as_tensor(scenes.pictures[indices]), PATCH)
        time = torch.sigmoid(torch.randn(len(x), generator=noise) + SHIFT)
        t = time[:, None, None, None]
        x_t = (1 - t) * x + t * torch.randn(x.shape, generator=noise)
        x_hat = model(x_t, time * TICKS, told.drawn(indices, noise))
        return ((x_hat - x) / t.clamp(min=LEAST_TIME)).square().mean()

    schedule = Schedule(workshop.steps(4000), batch=32, rate=8e-4, warmup=300, average=0.9995)
    Trainer(model, schedule, workshop.checkpoint("flow")).fit(loss, len(scenes), workshop.say)
    folder = workshop.model("flow")
    model.unet.save_pretrained(folder / "unet")
    model.text_encoder.save_pretrained(folder / "text_encoder")
    tokenizer.save_pretrained(folder / "tokenizer")

    def draw(captions: list[str], seeds: list[int]) -> np.ndarray:
        words = prompts(tokenizer, tuple(captions))
        with torch.inference_mode():
            return paint(model.eval(), words.tokens, words.empty, seeds)

    return agreement(workshop, draw)


def paint(model: Callable[[Tensor, Tensor, Tensor], Tensor], words: Tensor, empty: Tensor, seeds: list[int]) -> np.ndarray:
    """Euler steps from noise to N x 64 x 64 x 3 uint8, one seed of noise a picture."""
    shape = (3 * PATCH**2, 16, 16)
    x = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    both = torch.cat([words, empty.expand_as(words)])
    times = torch.linspace(1, 0, STEPS + 1)
    for t, following in pairwise(times.tolist()):
        time = torch.full((2 * len(x),), t * TICKS)
        guided, free = model(torch.cat([x, x]), time, both).chunk(2)
        x_hat = free + GUIDANCE * (guided - free)
        x = x + (following - t) * (x - x_hat) / t
    pixels = pixel_shuffle(x, PATCH).add(1).mul(127.5).round().clamp(0, 255)
    return pixels.permute(0, 2, 3, 1).to(torch.uint8).numpy()


STAGE = Stage("flow", make)

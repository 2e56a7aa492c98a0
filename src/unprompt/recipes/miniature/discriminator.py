"""Stage: the discriminator that LGrad looks through, of StyleGAN's form, from a duel with a small generator.

Neither is told a caption. A scene is held against a drawing, and both sides learn which is more of a scene, with both
gradient penalties: Huang et al., 2024, https://arxiv.org/abs/2501.05441. The generator is thrown away.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from unprompt.instruments.stylegan import EqualisedLayer, StyleGanJudge
from unprompt.recipes.loop import train
from unprompt.recipes.miniature.rivalry import rivalry
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor, put
from unprompt.scenes.corpus import SIZE, Indices
from unprompt.training.schedule import Schedule

NAME: Final = "discriminator"
SIZES: Final = {"resolution": SIZE, "fmap_base": 8 * SIZE, "fmap_max": 8}
"""6,401 parameters."""
CODE: Final = 64
"""Numbers that a drawing is made from."""
WIDTHS: Final = (48, 48, 32, 24, 12)
"""Feature maps of a drawing at 4, 8, 16, 32 and 64 pixels."""


class Artist(nn.Module):
    """ProGAN's generator, small: N x CODE -> N x 3 x 64 x 64, around [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = EqualisedLayer(CODE, 16 * WIDTHS[0])
        self.grow = nn.ModuleList(EqualisedLayer(*widths, 3) for widths in pairwise(WIDTHS))
        self.colour = EqualisedLayer(WIDTHS[-1], 3, 1, gain=1)

    def forward(self, code: Tensor) -> Tensor:
        """Twice as large after each layer, with feature vectors of length 1 a channel."""
        x = leaky_relu(self.begin(code), 0.2).view(len(code), WIDTHS[0], 4, 4)
        for layer in self.grow:
            x = leaky_relu(layer(interpolate(x, scale_factor=2)), 0.2)
            x = x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        drawn: Tensor = self.colour(x)
        return drawn


class Contest(nn.Module):
    """Both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.artist, self.judge = Artist(), StyleGanJudge(**SIZES)

    def loss(self, x: Tensor, noise: torch.Generator) -> Tensor:
        """What both lose on N scenes."""
        drawn = self.artist(torch.randn(len(x), CODE, generator=noise))
        return rivalry(self.judge, x, self.judge(x), drawn, noise)


def make(context: BuildContext) -> dict[str, float]:
    """Train on scenes before the camera, save the judge, and measure how often it prefers a held-out scene."""
    torch.manual_seed(9)
    scenes, contest = context.scenes(), Contest()

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        return contest.loss(as_tensor(scenes.pictures[indices]), noise)

    schedule = Schedule(context.steps(2000), batch=8, rate=2e-3, warmup=50, decay=0.0, average=0.99)
    train(contest, schedule, context.checkpoint(NAME), loss, len(scenes), betas=(0.0, 0.99))
    folder = context.model(NAME)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(contest.judge.state_dict(), folder / "model.safetensors")
    put(folder / "config.json", json.dumps(SIZES).encode())
    held_out = as_tensor(context.held_out().pictures[:256])
    with torch.inference_mode():
        drawn = contest.artist(torch.randn(len(held_out), CODE, generator=torch.Generator().manual_seed(0)))
        real, made = (torch.cat([contest.judge(one) for one in each.split(1)]) for each in (held_out, drawn))
    return {"prefers": (real > made.T).float().mean().item()}


STAGE = Stage(NAME, make)

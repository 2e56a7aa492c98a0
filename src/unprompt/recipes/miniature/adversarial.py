"""Stage: an adversarial generator, which draws a caption from noise in one step, and shares no weight with the suite.

Its network is that of the flow, so that :mod:`unprompt.instruments.flow` draws it with ``steps=1, guidance=1``. Both
sides learn at once, of pairs: a scene and a drawing of the same caption, the critic telling which is more of a scene
(relativistic pairing with both gradient penalties: Huang et al., 2024, https://arxiv.org/abs/2501.05441), and the
scene's own caption from another's (Reed et al., 2016, https://arxiv.org/abs/1605.05396).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, softplus
from transformers import CLIPTextModel, CLIPTokenizer

from unprompt.instruments.cards import Origin
from unprompt.instruments.flow import TICKS, PixelFlow
from unprompt.recipes.loop import train
from unprompt.recipes.miniature.agreement import agreement
from unprompt.recipes.miniature.drawing import Drawing, prompt_tokenizer, prompts, text_config, unet
from unprompt.recipes.miniature.flow import PATCH
from unprompt.recipes.miniature.rivalry import rivalry
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.scenes.corpus import Indices
from unprompt.training.schedule import Schedule

NAME: Final = "adversarial"


class Critic(nn.Module):
    """How much a picture is a scene of its caption."""

    def __init__(self, tokenizer: CLIPTokenizer, width: int = 64) -> None:
        super().__init__()
        self.text_encoder = CLIPTextModel(text_config(tokenizer, width, 2))
        self.look = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4, 2, 1),
            nn.LeakyReLU(0.2),
        )
        self.judge = nn.Sequential(
            nn.Conv2d(128 + width, 128, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(128, 128, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(128 * 16, 1),
        )

    def forward(self, pictures: Tensor, words: Tensor) -> Tensor:
        """N x 3 x 64 x 64 in [-1, 1] and N x 24 token ids -> N x 1; k N of the second: k N x 1, the same pictures."""
        seen, read = self.look(pictures), self.text_encoder(words).pooler_output
        seen = seen.repeat(len(words) // len(pictures), 1, 1, 1)
        score: Tensor = self.judge(torch.cat([seen, read[:, :, None, None].expand(-1, -1, *seen.shape[2:])], 1))
        return score


class Duel(nn.Module):
    """The one who draws, and the one who judges."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.drawing = Drawing(tokenizer, unet(3 * PATCH**2, (32, 80)))
        self.critic = Critic(tokenizer)

    def draw(self, words: Tensor, noise: torch.Generator) -> Tensor:
        """N x 24 token ids -> N x 3 x 64 x 64."""
        z = torch.randn(len(words), 3 * PATCH**2, 16, 16, generator=noise)
        return pixel_shuffle(self.drawing(z, torch.full((len(words),), float(TICKS)), words), PATCH)

    def loss(self, x: Tensor, words: Tensor, noise: torch.Generator) -> Tensor:
        """What both lose; the critic also where a scene is held against the caption of another."""
        real, other = self.critic(x, torch.cat([words, words.roll(1, 0)])).chunk(2)
        return rivalry(self.critic, x, real, self.draw(words, noise), noise, words) + softplus(other - real).mean()


def make(context: BuildContext) -> dict[str, float]:
    """Train on scenes before the camera, save what draws, and judge drawn scenes by the captioner."""
    torch.manual_seed(8)
    scenes = context.scenes()
    tokenizer = prompt_tokenizer(scenes.captions)
    duel, tokens = Duel(tokenizer), prompts(tokenizer, scenes.captions).tokens

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        return duel.loss(as_tensor(scenes.pictures[indices]), tokens[indices], noise)

    schedule = Schedule(context.steps(4500), batch=16, rate=4e-4, warmup=100, average=0.999)
    train(duel, schedule, context.checkpoint(NAME), loss, len(scenes), betas=(0.0, 0.99))
    folder = context.model(NAME)
    duel.drawing.save(folder, tokenizer)
    drawer = PixelFlow(Origin(folder), steps=1, guidance=1)
    return agreement(context, lambda captions, seeds: np.stack(drawer.regenerate(captions, seeds)))


STAGE = Stage(NAME, make)

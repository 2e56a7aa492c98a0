"""Stage: a masked model of pictures in codes, prompted by captions: aMUSEd in small.

It shares no weight with the suite; how it draws is described in :mod:`unprompt.instruments.amused`.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from diffusers import AmusedScheduler, UVit2DModel, VQModel
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from unprompt.instruments.amused import Amused, micro_conditions
from unprompt.instruments.cards import Origin
from unprompt.recipes.loop import train
from unprompt.recipes.miniature import quantiser
from unprompt.recipes.miniature.agreement import agreement
from unprompt.recipes.miniature.drawing import prompt_tokenizer, prompts, text_config
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.scenes.corpus import Corpus, Indices
from unprompt.training.schedule import Schedule

NAME: Final = "masked"
MASK: Final = quantiser.CODES
"""The code that says nothing."""
WIDTH: Final = 128
GUIDANCE: Final = 3.0
SMOOTHED: Final = 0.1
"""Label smoothing, as MaskGIT: Chang et al., 2022, https://arxiv.org/abs/2202.04200."""


class Filler(nn.Module):
    """A text encoder, and the transformer that fills in codes: at 8 x 8, between convolutions at 16 x 16."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text_encoder = CLIPTextModelWithProjection(text_config(tokenizer, WIDTH, 3))
        self.transformer = UVit2DModel(
            hidden_size=WIDTH,
            cond_embed_dim=WIDTH,
            micro_cond_encode_dim=16,
            micro_cond_embed_dim=5 * 16,
            encoder_hidden_size=WIDTH,
            vocab_size=quantiser.CODES + 1,
            codebook_size=quantiser.CODES,
            in_channels=WIDTH,
            block_out_channels=WIDTH,
            num_res_blocks=1,
            downsample=True,
            upsample=True,
            block_num_heads=4,
            num_hidden_layers=6,
            num_attention_heads=4,
            intermediate_size=4 * WIDTH,
            sample_size=quantiser.SIDE,
        )

    def forward(self, codes: Tensor, words: Tensor) -> Tensor:
        """N x 16 x 16 codes, some of them masked, and N x 24 token ids -> logits, N x 512 x 16 x 16."""
        read = self.text_encoder(words, output_hidden_states=True)
        conditions = micro_conditions(4 * quantiser.SIDE).expand(len(codes), -1)
        logits: Tensor = self.transformer(codes, read.hidden_states[-2], read.text_embeds, conditions)
        return logits


def make(context: BuildContext) -> dict[str, float]:
    """Train on the codes of scenes before the camera, save, and judge drawn scenes by the captioner."""
    torch.manual_seed(7)
    scenes, vqvae = context.scenes(), VQModel.from_pretrained(context.model(quantiser.NAME)).eval()
    tokenizer, codes = prompt_tokenizer(scenes.captions), encoded(vqvae, scenes)
    model, tokens = Filler(tokenizer), prompts(tokenizer, scenes.captions)

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        z = codes[indices].long()
        share = torch.cos(torch.rand(len(z), 1, 1, generator=noise) * math.pi / 2)
        hidden = torch.rand(z.shape, generator=noise) < share
        logits = model(z.masked_fill(hidden, MASK), tokens.drawn(indices, noise))
        gaps = cross_entropy(logits, z, reduction="none", label_smoothing=SMOOTHED)
        return gaps[hidden].mean()

    schedule = Schedule(context.steps(3600), batch=32, rate=1e-3, warmup=300, average=0.999)
    train(model, schedule, context.checkpoint(NAME), loss, len(scenes))
    folder = context.model(NAME)
    vqvae.save_pretrained(folder / "vqvae")
    model.transformer.save_pretrained(folder / "transformer")
    model.text_encoder.save_pretrained(folder / "text_encoder")
    tokenizer.save_pretrained(folder / "tokenizer")
    AmusedScheduler(MASK).save_pretrained(folder / "scheduler")
    drawer = Amused(Origin(folder), guidance=GUIDANCE)
    return agreement(context, lambda captions, seeds: np.stack(drawer.regenerate(captions, seeds)))


def encoded(vqvae: VQModel, scenes: Corpus) -> Tensor:
    """Codes of the scenes before the camera, N x 16 x 16 int16."""
    parts = range(0, len(scenes), 256)
    found = (quantiser.encoded(vqvae, quantiser.unit(as_tensor(scenes.pictures[i : i + 256]))) for i in parts)
    return torch.cat([part.short() for part in found])


STAGE = Stage(NAME, make)

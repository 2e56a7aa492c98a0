"""Stage: the vector-quantised autoencoder whose codes the masked model fills in: 64 x 64 pixels as 16 x 16 codes.

It learns to draw first and to quantise then, on a codebook of the k means of what it has found: begun at random, few of
the codes would ever be the nearest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import torch
from diffusers import VQModel
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from unprompt.recipes.loop import train
from unprompt.recipes.miniature.autoencoder import error, mixed
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.scenes.corpus import Indices
from unprompt.training.schedule import Schedule

NAME: Final = "quantiser"
CODES: Final = 512
WIDTH: Final = 6
"""Numbers of a code."""
SIDE: Final = 16
FITTED: Final = 512
"""Scenes whose cells the first codebook is fitted on."""


def build() -> VQModel:
    """64 x 64 x 3 -> 16 x 16 codes, small enough for two cores."""
    return VQModel(
        block_out_channels=(16, 32, 64),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=WIDTH,
        num_vq_embeddings=CODES,
        norm_num_groups=8,
        sample_size=64,
        mid_block_add_attention=False,
        lookup_from_codebook=True,
    )


def make(context: BuildContext) -> dict[str, float]:
    """Train without and with the codebook, save, and measure held-out scenes: PSNR, and codes that they use."""
    torch.manual_seed(6)
    model, scenes = build().to(memory_format=torch.channels_last), context.scenes()

    def seen(indices: Indices, noise: torch.Generator) -> Tensor:
        return unit(mixed(scenes, indices, noise)).contiguous(memory_format=torch.channels_last)

    def plain(indices: Indices, noise: torch.Generator) -> Tensor:
        x = seen(indices, noise)
        return error(x, model.decoder(model.post_quant_conv(model.encode(x).latents)))

    def quantised(indices: Indices, noise: torch.Generator) -> Tensor:
        x = seen(indices, noise)
        z, commitment, _ = model.quantize(model.encode(x).latents)
        total: Tensor = error(x, model.decoder(model.post_quant_conv(z))) + commitment
        return total

    schedule = Schedule(context.steps(800), batch=16, rate=2e-3, average=0.999)
    train(model, schedule, context.checkpoint(f"{NAME}-plain"), plain, len(scenes))
    fit_codebook(model, unit(as_tensor(scenes.pictures[:FITTED])))
    schedule = replace(schedule, steps=context.steps(1200), seed=1)
    train(model, schedule, context.checkpoint(NAME), quantised, len(scenes))
    model.save_pretrained(context.model(NAME))
    held_out = unit(as_tensor(context.held_out().pictures))
    codes = encoded(model, held_out)
    mse = (held_out - decoded(model, codes)).square().mean(dim=(1, 2, 3))
    return {"psnr": float(-10 * mse.log10().mean()), "codes": float(codes.unique().numel())}


@torch.inference_mode()
def fit_codebook(model: VQModel, pictures: Tensor) -> None:
    """The k means of the cells of N x 3 x 64 x 64 become the codes."""
    h = torch.cat([model.encode(x).latents for x in pictures.split(64)])
    cells = h.permute(0, 2, 3, 1).reshape(-1, WIDTH).numpy()
    means = MiniBatchKMeans(CODES, n_init=1, random_state=0).fit(cells).cluster_centers_
    model.quantize.embedding.weight.copy_(torch.as_tensor(means))


@torch.inference_mode()
def encoded(model: VQModel, pictures: Tensor) -> Tensor:
    """N x 3 x 64 x 64 -> the nearest codes, N x 16 x 16."""
    found = [model.quantize(model.encode(x).latents)[2][2] for x in pictures.split(64)]
    return torch.cat(found).view(-1, SIDE, SIDE)


@torch.inference_mode()
def decoded(model: VQModel, codes: Tensor) -> Tensor:
    """N x 16 x 16 -> N x 3 x 64 x 64 in [0, 1]."""
    drawn = [model.decode(z, force_not_quantize=True, shape=(*z.shape, WIDTH)).sample for z in codes.split(64)]
    return torch.cat(drawn).clamp(0, 1)


def unit(pictures: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1], in which aMUSEd's autoencoder works."""
    return (pictures + 1) / 2


STAGE = Stage(NAME, make)

"""Stage: the autoencoder whose 16 x 16 x 4 latents the diffusion works in; and how the sibling's is trained."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from unprompt.recipes import loop
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.scenes.corpus import Corpus, Indices
from unprompt.training.schedule import Schedule

KL_WEIGHT = 3e-4
EDGE_WEIGHT = 1.0
"""Weight of the differences between neighbouring pixels: edges and grain are what a mean error forgets."""


def build(widths: tuple[int, int, int] = (16, 32, 64), channels: int = 4) -> AutoencoderKL:
    """64 x 64 x 3 -> 16 x 16 x channels: small enough for two cores."""
    return AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=8,
        sample_size=64,
        mid_block_add_attention=False,
    )


def mixed(scenes: Corpus, indices: Indices, noise: torch.Generator) -> Tensor:
    """Half of a batch before the camera, half after it: the model meets both."""
    pictures, photographs = as_tensor(scenes.pictures[indices]), as_tensor(scenes.photographs[indices])
    clean = torch.rand(len(indices), 1, 1, 1, generator=noise) < 0.5
    return torch.where(clean, pictures, photographs)


def error(x: Tensor, x_hat: Tensor) -> Tensor:
    """L1 of the pixels and of their differences to the right and downwards."""
    gap = x - x_hat
    across, down = gap.diff(dim=-1).abs().mean(), gap.diff(dim=-2).abs().mean()
    return gap.abs().mean() + EDGE_WEIGHT * (across + down)


def make(context: BuildContext) -> dict[str, float]:
    """Train the diffusion's."""
    torch.manual_seed(0)
    schedule = Schedule(context.steps(4000), batch=16, rate=2e-3, average=0.999)
    return train(context, "autoencoder", build(), schedule)


def train(context: BuildContext, name: str, built: AutoencoderKL, schedule: Schedule) -> dict[str, float]:
    """Train, fit the scaling factor of the latents, save under ``name``, and measure PSNR on held-out scenes."""
    model, scenes = built.to(memory_format=torch.channels_last), context.scenes()

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        x = mixed(scenes, indices, noise).contiguous(memory_format=torch.channels_last)
        posterior = model.encode(x).latent_dist
        x_hat = model.decode(posterior.sample(noise)).sample
        divergence: Tensor = posterior.kl().mean() / posterior.mean[0].numel()
        return error(x, x_hat) + KL_WEIGHT * divergence

    loop.train(model, schedule, context.checkpoint(name), loss, len(scenes))
    held_out = as_tensor(context.held_out().pictures)
    with torch.inference_mode():
        latents = torch.cat([model.encode(x).latent_dist.mean for x in held_out.split(64)])
        x_hat = torch.cat([model.decode(z).sample for z in latents.split(64)]).clamp(-1, 1)
    model.register_to_config(scaling_factor=float(1 / latents.std()))
    model.save_pretrained(context.model(name))
    mse = ((held_out - x_hat) / 2).square().mean(dim=(1, 2, 3))
    return {"psnr": float(-10 * mse.log10().mean()), "latent_std": float(latents.std())}


STAGE = Stage("autoencoder", make)

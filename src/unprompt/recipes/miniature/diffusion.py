"""Stage: the latent diffusion of the suite, a Stable-Diffusion pipeline in small; and how its sibling is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
from torch import Tensor

from unprompt.recipes import loop
from unprompt.recipes.miniature.agreement import agreement
from unprompt.recipes.miniature.drawing import Drawing, prompt_tokenizer, prompts, unet
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.scenes.corpus import Corpus, Indices, Pictures
from unprompt.training.schedule import Schedule

GUIDANCE, STEPS = 3.0, 20
SNR_LIMIT = 5.0
"""Gamma of the min-SNR weighting."""


@dataclass(frozen=True)
class Plan:
    """What one latent diffusion is, and how long it is trained."""

    name: str
    autoencoder: str
    """Name of the finished model whose latents it works in."""
    seed: int
    widths: tuple[int, int]
    """Channels of the UNet on 16 x 16 and on 8 x 8."""
    text_width: int
    text_layers: int
    noise: str
    """Schedule of the noise, as diffusers names it."""
    steps: int


PLAN: Final = Plan("diffusion", "autoencoder", 3, (64, 128), 128, 3, "scaled_linear", 6500)


def scheduler(noise: str = PLAN.noise) -> DDIMScheduler:
    """Velocity prediction down to pure noise, so that dark and bright pictures can both begin."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule=noise,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        set_alpha_to_one=True,
        clip_sample=False,
        steps_offset=1,
    )


def encoded(autoencoder: AutoencoderKL, scenes: Corpus) -> Tensor:
    """Scaled latent means of the scenes before the camera, N x C x 16 x 16 float16."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(scenes), 256):
            x = as_tensor(scenes.pictures[start : start + 256])
            parts.append(autoencoder.encode(x).latent_dist.mean.half())
    latents: Tensor = torch.cat(parts) * autoencoder.config.scaling_factor
    return latents


def make(context: BuildContext) -> dict[str, float]:
    """Train the suite's own."""
    return train(context, PLAN)


def train(context: BuildContext, plan: Plan) -> dict[str, float]:
    """Train and save the pipeline, and judge drawn scenes by the captioner."""
    pipeline = fit(context, plan)
    return agreement(context, lambda captions, seeds: draw(pipeline, captions, seeds))


def fit(context: BuildContext, plan: Plan) -> StableDiffusionPipeline:
    """Train on the latents of scenes, and save the pipeline."""
    torch.manual_seed(plan.seed)
    scenes, noising = context.scenes(), scheduler(plan.noise)
    autoencoder = AutoencoderKL.from_pretrained(context.model(plan.autoencoder)).eval()
    tokenizer, channels = prompt_tokenizer(scenes.captions), autoencoder.config.latent_channels
    model = Drawing(tokenizer, unet(channels, plan.widths, plan.text_width), plan.text_layers)
    latents, tokens = encoded(autoencoder, scenes), prompts(tokenizer, scenes.captions)
    alphas = noising.alphas_cumprod

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        z = latents[indices].float()
        time = torch.randint(0, len(alphas), (len(z),), generator=noise)
        epsilon = torch.randn(z.shape, generator=noise)
        velocity = model(noising.add_noise(z, epsilon, time), time, tokens.drawn(indices, noise))
        gap = (velocity - noising.get_velocity(z, epsilon, time)).square().mean(dim=(1, 2, 3))
        snr = alphas[time] / (1 - alphas[time])
        weighted: Tensor = gap * snr.clamp(max=SNR_LIMIT) / (snr + 1)
        return weighted.mean()

    schedule = Schedule(context.steps(plan.steps), batch=32, rate=8e-4, warmup=300, average=0.9995)
    loop.train(model, schedule, context.checkpoint(plan.name), loss, len(scenes))
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=model.text_encoder.eval(),
        tokenizer=tokenizer,
        unet=model.unet.eval(),
        scheduler=noising,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(context.model(plan.name))
    return pipeline


def draw(pipeline: StableDiffusionPipeline, captions: list[str], seeds: list[int]) -> Pictures:
    """N x 64 x 64 x 3 uint8, one seed of noise a picture."""
    pipeline.set_progress_bar_config(disable=True)
    noise = [torch.Generator().manual_seed(seed) for seed in seeds]
    drawn = pipeline(
        captions, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=noise, output_type="np"
    ).images
    pictures: Pictures = np.rint(np.clip(drawn, 0, 1) * 255).astype(np.uint8)
    return pictures


STAGE = Stage("diffusion", make)

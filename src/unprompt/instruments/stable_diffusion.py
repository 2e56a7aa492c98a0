"""Stable Diffusion: reconstruction (SARE equations 1 to 3) and regeneration (SemGIR section 3.2) by DDIM.

Rombach et al., 2022, https://arxiv.org/abs/2112.10752; Song et al., 2021, https://arxiv.org/abs/2010.02502.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import AutoTokenizer, CLIPTextModel

from unprompt.errors import OptionError
from unprompt.images import fit_long
from unprompt.instruments.base import Diffusion, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model, quietly
from unprompt.types import RGB


@dataclass(frozen=True)
class Sampling:
    """How the diffusion is run; the defaults are SARE's (section 4.1) and SemGIR's (section 4.1)."""

    strength: float = 0.5
    """Share of the noise that a reconstruction adds and takes away, in (0, 1]."""
    steps: int = 50
    """DDIM steps from pure noise; a reconstruction takes floor(strength * steps) of them."""
    guidance: float = 7.5
    """Weight w of classifier-free guidance (SARE equation 2); 1 = none."""
    side: int = 512
    """Longer side of a reconstruction in pixels."""

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise OptionError(f"strength must be in (0, 1], got {self.strength}")
        if self.side < 1:
            raise OptionError(f"side must be at least 1, got {self.side}")
        if self.real_steps < 1:
            raise OptionError(
                f"strength {self.strength} x steps {self.steps} leaves no step: raise one of them to make at least 1"
            )

    @property
    def real_steps(self) -> int:
        """Steps of a reconstruction, T of SARE equation 1."""
        return int(self.steps * self.strength)


@dataclass(frozen=True, eq=False)
class ReconstructionTask:
    """One reconstruction of a batch."""

    place: int
    prepared: RGB
    padded: RGB
    caption: str
    seed: int

    @property
    def group(self) -> tuple[int, int, bool]:
        """Jobs of one group run together: same height and width, and guided or not."""
        return (*self.padded.shape[:2], bool(self.caption))


class StableDiffusion(Diffusion):
    """Any Stable-Diffusion checkpoint in diffusers' folder form, always with the DDIM sampler at eta 0.

    ``reconstruct``: img2img at ``side`` pixels along the longer side; sides are filled up to whole latent cells (and
    to 8) by repeating the edge, which is cut away again. An empty caption runs without guidance, as the
    unconditional model. ``regenerate``: text2img at the model's own size. The safety checker is off: it would answer
    black pictures. Each picture's noise is drawn on the CPU from its own seed, so neither batch nor device moves it.
    """

    files: ClassVar[tuple[str, ...]] = (
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/*.json",
        "tokenizer/*.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    )
    # Sampling feeds on its own rounding: in batches of other shapes a pixel can come out one step off. One picture
    # at a time is free of that, and on a CPU costs a tenth of the speed.
    batch_size = 1

    def __init__(
        self,
        origin: Origin,
        strength: float = 0.5,
        steps: int = 50,
        guidance: float = 7.5,
        side: int = 512,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        self.sampling = Sampling(strength, steps, guidance, side)
        super().__init__(origin, device, dtype, asdict(self.sampling))

    def _load(self) -> None:
        with quietly():  # The import warns when torchvision is absent, which no part of this package needs.
            from diffusers import AutoPipelineForImage2Image

            self._text2img = self._text_to_image(self._parts())
            self._text2img.vae.decoder.register_forward_hook(_unclipped)
            self._img2img = AutoPipelineForImage2Image.from_pipe(self._text2img)
        for pipeline in (self._text2img, self._img2img):
            pipeline.set_progress_bar_config(disable=True)
        self._multiple = math.lcm(8, self._img2img.vae_scale_factor)

    def _parts(self) -> dict[str, Any]:
        from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

        # DDIM on the checkpoint's own noise schedule, whatever sampler it names; clipping off and the offset 1, as
        # diffusers' pipelines insist for latents.
        sampler = from_folder(DDIMScheduler, self.origin, "scheduler", clip_sample=False, steps_offset=1)
        return {
            "vae": self._part(AutoencoderKL, "vae"),
            "text_encoder": self._part(CLIPTextModel, "text_encoder"),
            "unet": self._part(UNet2DConditionModel, "unet"),
            "tokenizer": from_folder(AutoTokenizer, self.origin, "tokenizer"),
            "scheduler": sampler,
        }

    def _part(self, build: Any, name: str) -> Any:
        return load_model(build, self.origin, self.device, self._dtype, name)

    def _text_to_image(self, parts: dict[str, Any]) -> Any:
        from diffusers import StableDiffusionPipeline

        return StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )

    def prepare(self, picture: RGB) -> RGB:
        """The picture with its longer side at ``side`` pixels (bicubic)."""
        return fit_long(picture, self.sampling.side)

    def _reconstruct(self, tasks: Sequence[tuple[RGB, str, int]]) -> Sequence[Vectors]:
        jobs = [self._job(place, *task) for place, task in enumerate(tasks)]
        made: dict[int, Vectors] = {}
        for _, group in groupby(sorted(jobs, key=lambda job: (job.group, job.place)), lambda job: job.group):
            made.update(self._run(list(group)))
        return [made[place] for place in range(len(jobs))]

    def _job(self, place: int, picture: RGB, caption: str, seed: int) -> ReconstructionTask:
        prepared = self.prepare(picture)
        return ReconstructionTask(place, prepared, pad_edges(prepared, self._multiple), caption, seed)

    def _run(self, jobs: Sequence[ReconstructionTask]) -> dict[int, Vectors]:
        """One batch of equal size, each result cut back to its picture: place -> height x width x 3."""
        pixels = np.stack([job.padded for job in jobs]).transpose(0, 3, 1, 2)
        with quietly():  # Its tokenizer reports every caption that is longer than the text encoder's context.
            drawn = self._img2img(
                prompt=[job.caption for job in jobs],
                image=torch.from_numpy(pixels.astype(np.float32) / 255),
                strength=self.sampling.strength,
                num_inference_steps=self.sampling.steps,
                guidance_scale=self.sampling.guidance if jobs[0].caption else 1.0,
                eta=0.0,
                generator=_noises(job.seed for job in jobs),
                output_type="np",
            ).images
        pictures = zip(jobs, _in_steps(drawn), strict=True)
        return {job.place: rgb[: job.prepared.shape[0], : job.prepared.shape[1]].copy() for job, rgb in pictures}

    def _regenerate(self, prompts: Sequence[tuple[str, int]]) -> Sequence[Vectors]:
        with quietly():
            drawn = self._text2img(
                prompt=[caption for caption, _ in prompts],
                num_inference_steps=self.sampling.steps,
                guidance_scale=self.sampling.guidance,
                eta=0.0,
                generator=_noises(seed for _, seed in prompts),
                output_type="np",
            ).images
        return list(_in_steps(drawn))


def pad_edges(rgb: RGB, multiple: int) -> RGB:
    """Height and width filled up to a multiple by repeating the last row and column."""
    height, width = rgb.shape[:2]
    return np.pad(rgb, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge")


def _in_steps(drawn: Vectors) -> Vectors:
    """N x H x W x 3 in [0, 1] -> whole numbers from 0 to 255; NaN stays NaN."""
    return np.asarray((drawn * 255).round(), np.float32)


def _unclipped(decoder: torch.nn.Module, inputs: object, pixels: torch.Tensor) -> torch.Tensor:
    """What the autoencoder decodes, with NaN for infinity, which clipping to [0, 1] would turn into black or white."""
    return pixels.masked_fill(~pixels.isfinite(), math.nan)


def _noises(seeds: Iterable[int]) -> list[torch.Generator]:
    """One source of noise a picture, on the CPU, whose numbers are the same on every machine."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]

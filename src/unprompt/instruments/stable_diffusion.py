"""Stable Diffusion: reconstruction (SARE equations 1 to 3) and regeneration (SemGIR section 3.2), by DDIM.

Rombach et al., 2022, https://arxiv.org/abs/2112.10752.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import AutoTokenizer, CLIPTextModel

from unprompt.errors import OptionError
from unprompt.images import fit_long, long_size
from unprompt.instruments.base import KEPT, Diffusion, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.feature_reuse import FeatureReuse
from unprompt.instruments.loading import from_folder, load_model, load_part, quietly
from unprompt.instruments.sampling import Sampling
from unprompt.structured_text import read_object
from unprompt.types import RGB


class StableDiffusion(Diffusion):
    """Any Stable-Diffusion checkpoint in diffusers' folder form, by DDIM at eta 0 unless another solver is chosen.

    ``reconstruct``: img2img at ``side`` pixels along the longer side; sides are filled up to whole latent cells (and
    to 8) by repeating the edge, which is cut away again. An empty caption runs without guidance, as the
    unconditional model. ``regenerate``: text2img at the model's own size. The safety checker is off: it would answer
    black pictures. Each picture's noise is drawn on the CPU from its own seed, and each caption is read once, alone, so
    neither batch nor device moves them. ``compiler``: a backend of ``torch.compile`` for the UNet, as inductor, which
    takes a minute at the first picture of each size and moves the last bits. ``tiling``: the autoencoder works in tiles
    of the side that it was trained at, so that its memory does not grow with ``side``; pixels move where tiles meet.
    ``reuse``: the UNet's deep levels are computed every so many steps alone, see :class:`FeatureReuse`.

    ``solver``: empty = the checkpoint's own, ``lcm`` where its scheduler is ``LCMScheduler``, else ``ddim``. A
    checkpoint whose UNet embeds the guidance weight (``time_cond_proj_dim``) is guided in one pass.
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
    embeddings: ClassVar[tuple[str, ...]] = ("prompt_embeds",)
    """What its pipelines take of a caption, and with ``negative_`` before it of no caption."""

    def __init__(
        self,
        origin: Origin,
        strength: float = 0.5,
        steps: int = 50,
        guidance: float = 7.5,
        side: int = 512,
        solver: str = "",
        guided_above: float = 0.0,
        guided_below: float = 1.0,
        reuse: int = 1,
        compiler: str = "",
        tiling: bool = False,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        solver = solver or _solver_of(origin)
        self._embeds_guidance = _config(origin, "unet/config.json").get("time_cond_proj_dim") is not None
        if self._embeds_guidance and (guided_above, guided_below) != (0, 1):
            raise OptionError(
                f"guided_above is {guided_above}, guided_below {guided_below}, but {origin.name!r} is guided at all "
                "steps: leave both out"
            )
        self.sampling = Sampling(strength, steps, guidance, side, solver, guided_above, guided_below, reuse)
        if compiler and compiler not in (known := sorted(torch.compiler.list_backends(exclude_tags=()))):
            raise OptionError(f"compiler must be one of {', '.join(known)}, or left out, got {compiler!r}")
        if compiler and reuse > 1:
            raise OptionError(
                f"compiler is {compiler!r} and reuse is {reuse}, expected one of them: leave the other out"
            )
        if not isinstance(tiling, bool):
            raise OptionError(f"tiling must be true or false, got {tiling!r}")
        self._compiler, self._tiling = compiler, tiling
        # Older evidence names neither.
        further = {name: value for name, value in (("compiler", compiler), ("tiling", tiling)) if value}
        super().__init__(origin, device, dtype, {**self.sampling.parameters(), **further})

    def _load(self) -> None:
        with quietly():  # The import warns when torchvision is absent, which no part of this package needs.
            self._text2img = self._text_to_image(self._parts())
            self._text2img.vae.decoder.register_forward_hook(_unclipped)
            if self._compiler:
                self._text2img.unet = torch.compile(self._text2img.unet, backend=self._compiler)
            self._reuse = FeatureReuse(self._text2img.unet, reuse) if (reuse := self.sampling.reuse) > 1 else None
            self._img2img = self._image_to_image(self._text2img.components)
        for pipeline in (self._text2img, self._img2img):
            pipeline.set_progress_bar_config(disable=True)
        self._text2img.vae.enable_slicing()  # One picture at a time, which fills any device, in less memory.
        if self._tiling:
            self._text2img.vae.enable_tiling()
        self._multiple = math.lcm(8, self._img2img.vae_scale_factor)
        self._read = lru_cache(KEPT)(self._encode)

    def _parts(self) -> dict[str, Any]:
        from diffusers import AutoencoderKL, UNet2DConditionModel

        return {
            "vae": self._part(AutoencoderKL, "vae"),
            "text_encoder": self._part(CLIPTextModel, "text_encoder"),
            "unet": self._part(UNet2DConditionModel, "unet"),
            "tokenizer": from_folder(AutoTokenizer, self.origin, "tokenizer"),
            "scheduler": self._solver(),
        }

    def _solver(self) -> Any:
        """The chosen solver on the checkpoint's own noise schedule, whatever solver that names."""
        if self.sampling.solver == "ddim":  # Clipping off and the offset 1, as diffusers' pipelines insist for latents.
            from diffusers import DDIMScheduler

            return from_folder(DDIMScheduler, self.origin, "scheduler", clip_sample=False, steps_offset=1)
        if self.sampling.solver == "lcm":
            from diffusers import LCMScheduler

            made = from_folder(LCMScheduler, self.origin, "scheduler", clip_sample=False, steps_offset=1)
            if self.sampling.steps > (most := made.config.original_inference_steps):
                raise OptionError(f"steps is {self.sampling.steps}, but {self.origin.name!r} knows {most}: take fewer")
            return made
        from diffusers import DPMSolverMultistepScheduler

        # Few steps have to begin at pure noise: Lin et al., 2024, https://arxiv.org/abs/2305.08891.
        return from_folder(DPMSolverMultistepScheduler, self.origin, "scheduler", timestep_spacing="trailing")

    def _part(self, build: Any, name: str) -> Any:
        return load_model(build, self.origin, self.device, self._dtype, name)

    def _text_to_image(self, parts: dict[str, Any]) -> Any:
        from diffusers import StableDiffusionPipeline

        return StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )

    def _image_to_image(self, parts: dict[str, Any]) -> Any:
        # By its name: the pipeline that finds it by itself imports those of all other models.
        from diffusers import StableDiffusionImg2ImgPipeline

        return StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)

    def prepare(self, picture: RGB) -> RGB:
        """The picture with its longer side at ``side`` pixels (bicubic)."""
        return fit_long(picture, self.sampling.side)

    def _bucket(self, task: tuple[RGB, str, int]) -> Hashable:
        """Height and width, filled up, and whether it is guided."""
        picture, caption, _ = task
        width, height = long_size(picture, self.sampling.side)
        return height + -height % self._multiple, width + -width % self._multiple, bool(caption)

    def _reconstruct(self, tasks: Sequence[tuple[RGB, str, int]]) -> Sequence[Vectors]:
        pictures, captions, seeds = zip(*tasks, strict=True)
        prepared = [self.prepare(picture) for picture in pictures]
        pixels = np.stack([pad_edges(rgb, self._multiple) for rgb in prepared]).transpose(0, 3, 1, 2)
        drawn = self._draw(
            self._img2img,
            captions,
            self.sampling.guidance if captions[0] else 1.0,
            image=torch.from_numpy(pixels.astype(np.float32) / 255),
            strength=self.sampling.strength,
            generator=_noises(seeds),
        )
        pairs = zip(prepared, _in_steps(drawn), strict=True)
        return [rgb[: own.shape[0], : own.shape[1]].copy() for own, rgb in pairs]

    def _regenerate(self, prompts: Sequence[tuple[str, int]]) -> Sequence[Vectors]:
        captions, seeds = zip(*prompts, strict=True)
        drawn = self._draw(self._text2img, captions, self.sampling.guidance, generator=_noises(seeds))
        return list(_in_steps(drawn))

    def _draw(self, pipeline: Any, captions: Sequence[str], guidance: float, **given: Any) -> Vectors:
        """What a pipeline draws, N x H x W x 3 in [0, 1]."""
        halves, times = self._in_two_halves(guidance), pipeline.scheduler.config.num_train_timesteps
        interval = self.sampling.guidance_interval(pipeline.unet, times) if halves else nullcontext()
        reuse = self._reuse.drawing() if self._reuse else nullcontext()
        with interval, reuse:  # The second sees batches as the first leaves them.
            drawn: Vectors = pipeline(
                **self._prompts(captions, guidance),
                num_inference_steps=self.sampling.steps,
                guidance_scale=guidance,
                eta=0.0,
                output_type="np",
                **given,
            ).images
        return drawn

    def _prompts(self, captions: Sequence[str], guidance: float) -> dict[str, torch.Tensor]:
        """What the pipelines take instead of captions: embeddings, and under guidance those of no caption too."""
        told = map(torch.cat, zip(*map(self._read, captions), strict=True))
        prompts = dict(zip(self.embeddings, told, strict=True))
        if self._in_two_halves(guidance):
            none = (one.repeat_interleave(len(captions), 0) for one in self._read(None))
            prompts |= {f"negative_{name}": one for name, one in zip(self.embeddings, none, strict=True)}
        return prompts

    def _in_two_halves(self, guidance: float) -> bool:
        """Whether a batch has an unguided half."""
        return guidance > 1 and not self._embeds_guidance

    def _encode(self, caption: str | None) -> Sequence[torch.Tensor]:
        """The embeddings of one caption, or of the one that guidance leads away from."""
        with quietly():  # Its tokenizer reports every caption that is longer than the text encoder's context.
            found: Sequence[torch.Tensor] = self._text2img.encode_prompt(
                caption or "",
                device=self.device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=caption is None,
            )
        return found[1::2] if caption is None else found[::2]


def _solver_of(origin: Origin) -> str:
    """The checkpoint's own."""
    named = _config(origin, "scheduler/scheduler_config.json").get("_class_name")
    return "lcm" if named == "LCMScheduler" else "ddim"


def _config(origin: Origin, name: str) -> Mapping[str, Any]:
    """A part's configuration; empty where the file is missing, which is told of with the weights."""
    file = origin.folder / name
    return load_part(lambda: read_object(file), origin) if file.is_file() else {}


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

"""aMUSEd: a masked model fills in the codes of a picture, the surest ones first.

Patil et al., 2024, https://arxiv.org/abs/2401.01808, after MUSE (Chang et al., 2023) and MaskGIT (Chang et al., 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from transformers import AutoTokenizer, CLIPTextModelWithProjection

from unprompt.errors import OptionError
from unprompt.instruments.base import KEPT, Generator, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model, quietly

AESTHETIC: Final = 6.0
"""The score that every picture is asked to have, as the authors' pipeline asks."""

Read = tuple[Tensor, Tensor]
"""States of the words, 1 x context x width, and the vector of the whole, 1 x width."""


class Amused(Generator):
    """An aMUSEd checkpoint in diffusers' folder form, as ``amused/amused-256``.

    ``steps`` rounds of filling in; ``guidance`` is the weight of classifier-free guidance, 1 = none; ``temperature``
    is that of the choice of codes that stay, in the first round (0 in the last). Each picture's codes are drawn on the
    CPU from its own seed, and each caption is read once, alone. Pictures have the model's own size.
    """

    wide_batch = 16
    files = (
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/*.json",
        "tokenizer/*.txt",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "vqvae/config.json",
        "vqvae/diffusion_pytorch_model.safetensors",
    )

    def __init__(
        self,
        origin: Origin,
        steps: int = 12,
        guidance: float = 10.0,
        temperature: float = 2.0,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        if steps < 1:
            raise OptionError(f"steps must be at least 1, got {steps}")
        self._steps, self._guidance, self._temperature = steps, guidance, temperature
        super().__init__(origin, device, dtype, {"steps": steps, "guidance": guidance, "temperature": temperature})

    def _load(self) -> None:
        with quietly():  # See stable_diffusion.py.
            from diffusers import AmusedScheduler, UVit2DModel, VQModel
        self._vqvae = load_model(VQModel, self.origin, self.device, self._dtype, "vqvae")
        self._transformer = load_model(UVit2DModel, self.origin, self.device, self._dtype, "transformer")
        self._reader = load_model(CLIPTextModelWithProjection, self.origin, self.device, self._dtype, "text_encoder")
        self._tokenizer = from_folder(AutoTokenizer, self.origin, "tokenizer")
        self._scheduler = from_folder(AmusedScheduler, self.origin, "scheduler")
        self._scheduler.set_timesteps(self._steps, (self._temperature, 0))
        self._scale = 2 ** (len(self._vqvae.config.block_out_channels) - 1)
        self._read = lru_cache(KEPT)(self._encode)

    def _regenerate(self, prompts: Sequence[tuple[str, int]]) -> Sequence[Vectors]:
        read = [self._read(text) for text in [caption for caption, _ in prompts] + [""] * len(prompts)]
        states, pooled = (torch.cat(parts) for parts in zip(*read, strict=True))
        noise = [torch.Generator().manual_seed(seed) for _, seed in prompts]
        side = self._transformer.config.sample_size
        codes = torch.full((len(prompts), side, side), self._scheduler.config.mask_token_id)
        finite = torch.ones(len(prompts), dtype=torch.bool)
        for timestep in self._scheduler.timesteps:
            logits = self._logits(codes, states, pooled)
            finite &= logits.isfinite().flatten(1).all(1)
            rows = zip(logits.nan_to_num(), codes, noise, strict=True)
            codes = torch.cat(
                [
                    self._scheduler.step(told[None], timestep, row[None], generator=generator).prev_sample
                    for told, row, generator in rows
                ]
            )
        drawn = self._decode(codes.to(self.device))
        return [pixels if whole else pixels * math.nan for pixels, whole in zip(drawn, finite, strict=True)]

    def _logits(self, codes: Tensor, states: Tensor, pooled: Tensor) -> Tensor:
        """N x codebook x side x side float32 on the CPU, guided; the words are those of captions, then of none."""
        conditions = micro_conditions(self._scale * codes.shape[-1]).expand(2 * len(codes), -1).to(self.device)
        both = torch.cat([codes, codes]).to(self.device)
        with_words, without = self._transformer(both, states, pooled, conditions).float().cpu().chunk(2)
        guided: Tensor = without + self._guidance * (with_words - without)
        return guided

    def _decode(self, codes: Tensor) -> Vectors:
        shape = (*codes.shape, self._vqvae.config.latent_channels)
        x = self._vqvae.decode(codes, force_not_quantize=True, shape=shape).sample  # in [0, 1]
        pixels: Vectors = x.float().mul(255).round().clamp(0, 255).permute(0, 2, 3, 1).cpu().numpy()
        return pixels

    def _encode(self, text: str) -> Read:
        with quietly():
            tokens = self._tokenizer([text], padding="max_length", truncation=True, return_tensors="pt")
        read = self._reader(tokens.input_ids.to(self.device), output_hidden_states=True)
        return read.hidden_states[-2], read.text_embeds


def micro_conditions(side: int) -> Tensor:
    """1 x 5: width, height, the crop's corner, and the aesthetic score."""
    return torch.tensor([[side, side, 0, 0, AESTHETIC]])

"""A rectified flow in pixels: Liu et al., 2022, https://arxiv.org/abs/2209.03003.

x_t = (1 - t) x + t eps. The network, a UNet over patches of pixels, tells x; the velocity (x_t - x) / t then
carries a picture from noise (t = 1) to what the words say (t = 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle
from transformers import AutoTokenizer, CLIPTextModel

from unprompt.errors import OptionError, SuiteError
from unprompt.instruments.base import KEPT, Generator, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model, quietly

TICKS = 1000
"""Time as the UNet counts it: t = 1."""

Predict = Callable[[Tensor, float], Tensor]
"""x_t and t -> the x that the network sees in it."""


class PixelFlow(Generator):
    """A ``UNet2DConditionModel`` on patches of p x p pixels (3 p^2 channels), steered by a ``CLIPTextModel``.

    ``steps`` Euler steps; ``guidance`` is the weight of classifier-free guidance, 1 = none. Each picture's noise is
    drawn on the CPU from its own seed, and each caption is read once, alone. Pictures have the UNet's ``sample_size``
    times p pixels along each side.
    """

    wide_batch = 16
    files = (
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/*.json",
        "tokenizer/*.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    )

    def __init__(
        self, origin: Origin, steps: int = 20, guidance: float = 2.0, device: str = "cpu", dtype: str = "float32"
    ) -> None:
        if steps < 1:
            raise OptionError(f"steps must be at least 1, got {steps}")
        self._steps, self._guidance = steps, guidance
        super().__init__(origin, device, dtype, {"steps": steps, "guidance": guidance})

    def _load(self) -> None:
        with quietly():  # See stable_diffusion.py.
            from diffusers import UNet2DConditionModel
        self._unet = load_model(UNet2DConditionModel, self.origin, self.device, self._dtype, "unet")
        self._reader = load_model(CLIPTextModel, self.origin, self.device, self._dtype, "text_encoder")
        self._tokenizer = from_folder(AutoTokenizer, self.origin, "tokenizer")
        self._patch = _patch(self._unet.config.in_channels, self.origin)
        self._read = lru_cache(KEPT)(self._encode)

    def _regenerate(self, prompts: Sequence[tuple[str, int]]) -> Sequence[Vectors]:
        words = torch.cat([self._read(caption) for caption, _ in prompts])
        none = self._read("").expand_as(words)
        shape = (self._unet.config.in_channels, *(self._unet.config.sample_size,) * 2)
        noise = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for _, seed in prompts])
        drawn = paint(guided(self._see, words, none, self._guidance), noise.to(self.device), self._steps)
        drawn = drawn.masked_fill(~drawn.isfinite(), math.nan)  # which clamping leaves alone
        pixels = pixel_shuffle(drawn, self._patch).add(1).mul(127.5).round().clamp(0, 255)
        return list(pixels.permute(0, 2, 3, 1).float().cpu().numpy())

    def _encode(self, text: str) -> Tensor:
        """1 x context x width."""
        with quietly():
            tokens = self._tokenizer([text], padding="max_length", truncation=True, return_tensors="pt")
        states: Tensor = self._reader(tokens.input_ids.to(self.device)).last_hidden_state
        return states

    def _see(self, x_t: Tensor, t: float, words: Tensor) -> Tensor:
        time = torch.full((len(x_t),), t * TICKS, device=self.device)
        x: Tensor = self._unet(x_t.to(self._dtype), time, words).sample
        return x.float()


def guided(see: Callable[[Tensor, float, Tensor], Tensor], caption: Tensor, none: Tensor, weight: float) -> Predict:
    """Classifier-free guidance of x: away from what is seen without words, Ho and Salimans, 2022."""
    words = torch.cat([caption, none])

    def predict(x_t: Tensor, t: float) -> Tensor:
        with_words, without = see(torch.cat([x_t, x_t]), t, words).chunk(2)
        return without + weight * (with_words - without)

    return predict


def paint(predict: Predict, noise: Tensor, steps: int) -> Tensor:
    """Euler steps of dx/dt = (x_t - x) / t from noise at t = 1 to the picture at t = 0."""
    x_t = noise
    for t, following in pairwise(torch.linspace(1, 0, steps + 1).tolist()):
        x_t = x_t + (following - t) * (x_t - predict(x_t, t)) / t
    return x_t


def _patch(channels: int, origin: Origin) -> int:
    """p of 3 p^2 channels."""
    patch = math.isqrt(channels // 3)
    if 3 * patch**2 != channels:
        raise SuiteError(
            f"the UNet of model {origin.name!r} has {channels} channels, expected 3 p^2 for patches of p x p pixels: "
            "name a model that paints pixels"
        )
    return patch

"""Stable Diffusion XL: two text encoders and a larger UNet. Podell et al., 2023, https://arxiv.org/abs/2307.01952."""

from __future__ import annotations

from typing import Any

from transformers import CLIPTextModelWithProjection

from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import load_model, load_part, quietly
from unprompt.instruments.stable_diffusion import StableDiffusion, tokenizer_of

with quietly():  # See stable_diffusion.py.
    from diffusers import StableDiffusionXLPipeline


class StableDiffusionXL(StableDiffusion):
    """Any SDXL base checkpoint in diffusers' folder form; everything else as :class:`StableDiffusion` does it.

    No watermark is drawn into the pictures. The models work at 1024 pixels: ``side`` is to say so.
    """

    files = (
        *StableDiffusion.files,
        "text_encoder_2/config.json",
        "text_encoder_2/model.safetensors",
        "tokenizer_2/*.json",
        "tokenizer_2/*.txt",
    )

    def _parts(self, origin: Origin, kind: Any) -> dict[str, Any]:
        return {
            **super()._parts(origin, kind),
            "text_encoder_2": load_model(CLIPTextModelWithProjection, origin, self.device, kind, "text_encoder_2"),
            "tokenizer_2": load_part(lambda: tokenizer_of(origin, "tokenizer_2"), origin),
        }

    def _text_to_image(self, parts: dict[str, Any]) -> Any:
        return StableDiffusionXLPipeline(**parts, add_watermarker=False)

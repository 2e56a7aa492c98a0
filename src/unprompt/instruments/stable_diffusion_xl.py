"""Stable Diffusion XL: two text encoders and a larger UNet. Podell et al., 2023, https://arxiv.org/abs/2307.01952."""

from __future__ import annotations

from typing import Any

from transformers import AutoTokenizer, CLIPTextModelWithProjection

from unprompt.instruments.loading import from_folder
from unprompt.instruments.stable_diffusion import StableDiffusion


class StableDiffusionXL(StableDiffusion):
    """Any SDXL base checkpoint in diffusers' folder form; everything else as :class:`StableDiffusion` does it.

    No watermark is drawn into the pictures. The models work at 1024 pixels: ``side`` is to say so.
    """

    wide_batch = 2
    embeddings = ("prompt_embeds", "pooled_prompt_embeds")
    files = (
        *StableDiffusion.files,
        "text_encoder_2/config.json",
        "text_encoder_2/model.safetensors",
        "tokenizer_2/*.json",
        "tokenizer_2/*.txt",
    )

    def _parts(self) -> dict[str, Any]:
        return {
            **super()._parts(),
            "text_encoder_2": self._part(CLIPTextModelWithProjection, "text_encoder_2"),
            "tokenizer_2": from_folder(AutoTokenizer, self.origin, "tokenizer_2"),
        }

    def _text_to_image(self, parts: dict[str, Any]) -> Any:
        from diffusers import StableDiffusionXLPipeline

        return StableDiffusionXLPipeline(**parts, add_watermarker=False)

    def _image_to_image(self, parts: dict[str, Any]) -> Any:
        from diffusers import StableDiffusionXLImg2ImgPipeline

        return StableDiffusionXLImg2ImgPipeline(**parts, add_watermarker=False)

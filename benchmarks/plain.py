"""What a user would write with transformers and diffusers, picture by picture, for ``speed.py``.

Models, weights, preprocessing and noise are those of unprompt, so that the outputs can be compared; each method
captions for itself, as four scripts would. The grounder has no pipeline that asks for one phrase's box: both sides call
the same.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch

from unprompt.images import cut_out
from unprompt.instruments import Suite
from unprompt.instruments.base import Vectors
from unprompt.instruments.blip import BlipCaptioner
from unprompt.instruments.clip import ClipEncoder
from unprompt.instruments.phrases import noun_phrases
from unprompt.instruments.stable_diffusion import StableDiffusion, pad_edges
from unprompt.types import RGB, Box, Picture


class PlainScript:
    """One picture at a time, float32, by a suite of BLIP or BLIP-2, CLIP and Stable Diffusion."""

    def __init__(self, suite: Suite) -> None:
        self.captioner = cast(BlipCaptioner, suite.captioner)
        self.encoder = cast(ClipEncoder, suite.encoder)
        self.diffusion = cast(StableDiffusion, suite.diffusion)
        self.suite = suite

    def caption(self, picture: Picture) -> str:
        """Greedy, by ``generate``."""
        captioner = self.captioner.load()
        pixels = captioner._normalise.whole([picture.rgb]).to(captioner.device)
        ids = captioner.model.generate(pixel_values=pixels, generation_config=captioner._search)
        text = captioner._tokenizer.decode(ids[0, captioner._start :], skip_special_tokens=True).strip()
        return text or captioner.fallback

    def picture_vector(self, rgb: RGB) -> Any:
        encoder = self.encoder.load()
        pixels = encoder._normalise.cropped([rgb]).to(encoder.device)
        return _row(encoder.model.get_image_features(pixel_values=pixels))

    def text_vector(self, text: str) -> Any:
        ids, mask = (one.to(self.encoder.device) for one in self.encoder.tokens([text]))
        return _row(self.encoder.model.get_text_features(ids, attention_mask=mask))

    def boxes(self, picture: Picture, caption: str) -> tuple[Box, ...]:
        return self.suite.grounder.ground([picture.rgb], [noun_phrases(caption)])[0]

    def reconstruction(self, picture: Picture, caption: str) -> RGB:
        """img2img by diffusers' pipeline, from a prompt in words."""
        diffusion = self.diffusion.load()
        chosen, own = diffusion.sampling, diffusion.prepare(picture.rgb)
        pixels = pad_edges(own, diffusion._multiple).transpose(2, 0, 1)[None].astype(np.float32) / 255
        drawn = diffusion._img2img(
            prompt=caption,
            image=torch.from_numpy(pixels),
            strength=chosen.strength,
            num_inference_steps=chosen.steps,
            guidance_scale=chosen.guidance,
            generator=torch.Generator("cpu").manual_seed(picture.seed),
            output_type="np",
        ).images[0]
        return _bytes(drawn)[: own.shape[0], : own.shape[1]]

    def regeneration(self, picture: Picture, caption: str) -> RGB:
        """text2img by diffusers' pipeline."""
        diffusion = self.diffusion.load()
        drawn = diffusion._text2img(
            prompt=caption,
            num_inference_steps=diffusion.sampling.steps,
            guidance_scale=diffusion.sampling.guidance,
            generator=torch.Generator("cpu").manual_seed(picture.seed),
            output_type="np",
        ).images[0]
        return _bytes(drawn)

    def alignment(self, picture: Picture, objects: bool) -> list[Any]:
        """Caption and vectors of TIDY and ITEM."""
        caption = self.caption(picture)
        found = [caption, self.picture_vector(picture.rgb), self.text_vector(caption)]
        if objects:
            boxes = self.boxes(picture, caption)
            found += [self.picture_vector(cut_out(picture.rgb, box)) for box in boxes]
            found += [self.text_vector(box.phrase) for box in boxes]
        return found

    def sare(self, picture: Picture) -> list[Any]:
        caption = self.caption(picture)
        return [caption, self.reconstruction(picture, caption)]

    def semgir(self, picture: Picture) -> list[Any]:
        caption = self.caption(picture)
        return [caption, self.regeneration(picture, caption)]


def _row(features: Any) -> Any:
    return getattr(features, "pooler_output", features)[0].float().cpu().numpy()


def _bytes(drawn: Vectors) -> RGB:
    return (drawn * 255).round().astype(np.uint8)

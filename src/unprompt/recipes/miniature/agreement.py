"""How well a diffusion model draws its prompt: the captioner reads the drawing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from transformers import BertTokenizer, BlipForConditionalGeneration

from unprompt.recipes.miniature.captioner import caption_pictures, facts_named
from unprompt.recipes.miniature.stage import BuildContext, as_tensor
from unprompt.scenes.corpus import Pictures

DRAWN = 256

Draw = Callable[[list[str], list[int]], Pictures]
"""Captions and seeds -> drawings."""


def agreement(context: BuildContext, draw: Draw) -> dict[str, float]:
    """Share of held-out captions' facts that the captioner finds in the drawings of them, and of whole captions."""
    captions = list(context.held_out().captions[:DRAWN])
    drawn = np.concatenate([draw(captions[i : i + 64], list(range(i, i + 64))) for i in range(0, DRAWN, 64)])
    folder = context.captioner
    model = BlipForConditionalGeneration.from_pretrained(folder).eval()
    found = caption_pictures(model, BertTokenizer.from_pretrained(folder), as_tensor(drawn))
    facts = [facts_named(got, want) for got, want in zip(found, captions, strict=True)]
    return {"facts": float(np.mean(facts)), "exact": float(np.mean([share == 1 for share in facts]))}

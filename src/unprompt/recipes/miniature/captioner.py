"""Stage: the captioner, a small BLIP that learns the short captions of scenes."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
    BlipTextConfig,
    BlipVisionConfig,
)

from unprompt.recipes.loop import train
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.recipes.miniature.words import CONTEXT, blip_tokenizer
from unprompt.scenes.corpus import SIZE, Corpus, Indices
from unprompt.training.schedule import Schedule

WIDTH, HEADS = 128, 4


def build(tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
    """8 x 8 patches seen by five layers, described by three."""
    shared: dict[str, Any] = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_attention_heads": HEADS}
    vision = BlipVisionConfig(
        **shared,
        num_hidden_layers=5,
        image_size=SIZE,
        patch_size=8,
        initializer_range=0.02,  # its default of 1e-10 leaves the tower dead
    )
    text = BlipTextConfig(
        **shared,
        num_hidden_layers=3,
        encoder_hidden_size=WIDTH,
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.sep_token_id,
        sep_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=WIDTH)
    return BlipForConditionalGeneration(config)


def roughened(pictures: Tensor, noise: torch.Generator) -> Tensor:
    """Photographs with some blur or grain more, so that a generated picture is in distribution."""
    n = len(pictures)
    share = torch.rand(n, 1, 1, 1, generator=noise) * (torch.rand(n, 1, 1, 1, generator=noise) < 0.5)
    soft = torch.nn.functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    grain = torch.randn(pictures.shape, generator=noise) * 0.05 * torch.rand(n, 1, 1, 1, generator=noise)
    return pictures * (1 - share) + soft * share + grain


def make(context: BuildContext) -> dict[str, float]:
    """Train, save, and measure the share of captions that are right on held-out photographs."""
    torch.manual_seed(1)
    scenes = context.scenes()
    tokenizer = blip_tokenizer(scenes.captions)
    model = build(tokenizer)
    tokens = tokenizer(list(scenes.captions), padding=True, return_tensors="pt")
    tokens["input_ids"][:, 0] = tokenizer.bos_token_id

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        pixels = roughened(as_tensor(scenes.photographs[indices]), noise)
        words, mask = tokens["input_ids"][indices], tokens["attention_mask"][indices]
        targets = words.masked_fill(mask == 0, -100)
        value: Tensor = model(pixel_values=pixels, input_ids=words, attention_mask=mask, labels=targets).loss
        return value

    schedule = Schedule(context.steps(7000), batch=32, rate=1e-3, warmup=500, decay=0.05, average=0.998)
    train(model, schedule, context.checkpoint("captioner"), loss, len(scenes))
    model.generation_config.update(max_new_tokens=CONTEXT - 2, num_beams=1, do_sample=False)
    images = BlipImageProcessorPil(size={"height": SIZE, "width": SIZE}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    model.save_pretrained(context.model("captioner"))
    BlipProcessor(images, tokenizer).save_pretrained(context.model("captioner"))
    return measure(model, tokenizer, context.held_out())


def caption_pictures(model: BlipForConditionalGeneration, tokenizer: BertTokenizer, pixels: Tensor) -> list[str]:
    """Greedy captions of N x 3 x 64 x 64 in [-1, 1]."""
    with torch.inference_mode():
        words = [model.generate(pixel_values=part, max_new_tokens=CONTEXT - 2) for part in pixels.split(64)]
    return [text for part in words for text in tokenizer.batch_decode(part, skip_special_tokens=True)]


def measure(model: BlipForConditionalGeneration, tokenizer: BertTokenizer, scenes: Corpus) -> dict[str, float]:
    """Shares of held-out photographs whose caption names every thing, the floor, and of all facts."""
    found = caption_pictures(model, tokenizer, as_tensor(scenes.photographs))
    pairs = list(zip(found, scenes.captions, strict=True))
    return {
        "facts": float(np.mean([facts_named(got, want) for got, want in pairs])),
        "things": float(np.mean([_things(got) == _things(want) for got, want in pairs])),
        "floor": float(np.mean([got.split()[-1:] == want.split()[-1:] for got, want in pairs])),
    }


def facts_named(got: str, want: str) -> float:
    """Share of the colours, shapes and the floor of the caption ``want`` that ``got`` names too."""
    facts, left = _facts(want), _facts(got)
    return sum((facts & left).values()) / facts.total()


def _facts(caption: str) -> Counter[str]:
    words = [word for thing in _things(caption) for word in thing]
    return Counter(words + caption.split()[-1:])


def _things(caption: str) -> list[tuple[str, str]]:
    """Colour and shape of every thing that a caption names, sorted."""
    return sorted(re.findall(r"\ban? (\w+) (\w+)", caption))


STAGE = Stage("captioner", make)

"""Stage: the encoder, a small CLIP that learns which caption belongs to which photograph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer

from unprompt.recipes.loop import train
from unprompt.recipes.miniature.captioner import roughened
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.recipes.miniature.words import CONTEXT, clip_tokenizer
from unprompt.scenes.corpus import SIZE, Corpus, Indices
from unprompt.training.schedule import Schedule

WIDTH, HEADS = 128, 4


def build(tokenizer: CLIPTokenizer) -> CLIPModel:
    """8 x 8 patches in four layers, words in three, one space of 128 dimensions."""
    shared = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_attention_heads": HEADS}
    vision = {**shared, "num_hidden_layers": 4, "image_size": SIZE, "patch_size": 8, "projection_dim": WIDTH}
    text = {
        **shared,
        "num_hidden_layers": 3,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": CONTEXT,
        "projection_dim": WIDTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH))


def contrast(logits: Tensor, captions: list[str]) -> Tensor:
    """Symmetric cross-entropy in which pictures of one caption share the target."""
    number = {caption: i for i, caption in enumerate(captions)}
    group = torch.tensor([number[caption] for caption in captions])
    target = (group[:, None] == group[None]).float()
    target = target / target.sum(1, keepdim=True)
    across = torch.nn.functional.cross_entropy(logits, target)
    return (across + torch.nn.functional.cross_entropy(logits.T, target)) / 2


def make(context: BuildContext) -> dict[str, float]:
    """Train on short and long captions, save, and measure retrieval among 100 held-out photographs."""
    torch.manual_seed(2)
    scenes = context.scenes()
    tokenizer = clip_tokenizer(scenes.captions + scenes.long_captions)
    model = build(tokenizer)

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        short = torch.rand(len(indices), generator=noise) < 0.6
        texts_of = [scenes.captions if brief else scenes.long_captions for brief in short.tolist()]
        captions = [texts[i] for texts, i in zip(texts_of, indices, strict=True)]
        words = tokenizer(captions, padding=True, return_tensors="pt")
        pixels = roughened(as_tensor(scenes.photographs[indices]), noise)
        return contrast(model(pixel_values=pixels, **words).logits_per_image, captions)

    schedule = Schedule(context.steps(1200), batch=128, rate=1e-3, warmup=200, decay=0.05, average=0.995)
    train(model, schedule, context.checkpoint("encoder"), loss, len(scenes))
    images = CLIPImageProcessorPil(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    model.save_pretrained(context.model("encoder"))
    CLIPProcessor(images, tokenizer).save_pretrained(context.model("encoder"))
    return measure(model, tokenizer, context.held_out())


def measure(model: CLIPModel, tokenizer: CLIPTokenizer, scenes: Corpus) -> dict[str, float]:
    """Top-1 of a photograph's long and short caption among those of 100 scenes; equal captions are all right."""
    with torch.inference_mode():
        pictures = torch.cat(
            [model.get_image_features(pixel_values=x).pooler_output for x in as_tensor(scenes.photographs).split(64)]
        )
    return {
        "top1_long": _retrieval(model, tokenizer, pictures, scenes.long_captions),
        "top1_short": _retrieval(model, tokenizer, pictures, scenes.captions),
    }


def _retrieval(model: CLIPModel, tokenizer: CLIPTokenizer, pictures: Tensor, captions: tuple[str, ...]) -> float:
    hits = []
    for start in range(0, len(captions) - 99, 100):
        among = captions[start : start + 100]
        with torch.inference_mode():
            texts = model.get_text_features(**tokenizer(list(among), padding=True, return_tensors="pt")).pooler_output
        texts = texts / texts.norm(dim=1, keepdim=True)
        best = (pictures[start : start + 100] @ texts.T).argmax(1)
        hits += [among[int(i)] == caption for i, caption in zip(best, among, strict=True)]
    return float(np.mean(hits))


STAGE = Stage("encoder", make)

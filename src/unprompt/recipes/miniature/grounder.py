"""Stage: the grounder, an OWLv2 on the encoder's trunk that learns where the phrases of a caption stand.

Only the heads and the last layers of the picture tower are trained and saved: the instrument takes the rest from
the encoder's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoTokenizer, CLIPModel, Owlv2ForObjectDetection

from unprompt.instruments.base import Grounder
from unprompt.instruments.cards import Origin
from unprompt.instruments.owlv2 import Owlv2Grounder, config_on, corners, look, on_trunk, read
from unprompt.instruments.phrases import noun_phrases
from unprompt.recipes.loop import train
from unprompt.recipes.miniature.captioner import roughened
from unprompt.recipes.miniature.grounding_targets import GroundingTargets, kind, overlap, truth
from unprompt.recipes.miniature.stage import BuildContext, Stage, as_tensor
from unprompt.scenes.corpus import HELD_OUT_SEEDS, INSTRUMENT_SEEDS, Corpus, Indices
from unprompt.scenes.scene import Scene
from unprompt.scenes.shapes import Floats
from unprompt.training.schedule import Schedule

TRUNK: Final = "encoder"
"""The model below, by the name of its folder."""
LAYERS: Final = 2
"""Last layers of the picture tower that are trained with the heads."""
FOCUS: Final = 2.0
"""Exponent of the focal loss (Lin et al., 2017): most cells show none of most phrases."""
OVERLAP: Final = 0.5
"""Least intersection over union at which a box counts as found."""


def build(encoder: Any) -> Any:
    """An OWLv2 of the encoder's shape and weights; only what the stage trains asks for gradients."""
    model = Owlv2ForObjectDetection(config_on(encoder.config))
    model.load_state_dict(on_trunk(encoder.state_dict()), strict=False)
    depth = encoder.config.vision_config.num_hidden_layers
    tower = "owlv2.vision_model"
    last = [f"{tower}.encoder.layers.{layer}." for layer in range(depth - LAYERS, depth)]
    trained = (*last, f"{tower}.post_layernorm.", "layer_norm.", "class_head.", "box_head.", "objectness_head.")
    for name, weight in model.named_parameters():
        weight.requires_grad_(name.startswith(trained))
    _begin(model)
    return model


def _begin(model: Any) -> None:
    """Heads before any training: small weights, boxes of about a cell, and no cell shows anything."""
    for head in (model.class_head, model.box_head, model.objectness_head):
        for layer in head.modules():
            if isinstance(layer, nn.Linear):  # OWLv2's own beginning has deviation 1 and never settles.
                layer.reset_parameters()
    with torch.no_grad():
        for layer, bias in ((model.class_head.logit_scale, 19.0), (model.class_head.logit_shift, -0.5)):
            layer.weight.zero_()
            layer.bias.fill_(bias)  # 20 (cosine - 0.5)
        model.objectness_head.dense2.bias.fill_(-3)


def loss_of(model: Any, pixels: Tensor, queries: Tensor, wanted: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Focal loss of phrases and objectness, L1 and generalised IoU of the boxes, by the number of cells with a thing.

    What a cell should say of a phrase is how well its own box lies (Li et al., 2020): the best box then scores best.
    """
    there, names, edges = wanted
    logits, boxes, features = look(model, pixels, queries[None])
    found = corners(boxes[there])
    off = (found - edges[there]).abs().sum() + (1 - overlap(found, edges[there], generalised=True)).sum()
    fit = torch.zeros(there.shape).masked_scatter(there, overlap(found.detach(), edges[there]))
    seen = focal(logits, names * fit[..., None]) + focal(model.objectness_predictor(features), fit)
    return (seen + 2 * off) / there.sum()


def focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Sum of |wanted - p|^FOCUS times the cross-entropy."""
    weight = (wanted - logits.sigmoid()).abs().pow(FOCUS)
    return (weight * binary_cross_entropy_with_logits(logits, wanted, reduction="none")).sum()


def make(context: BuildContext) -> dict[str, float]:
    """Train, save what is not the encoder's, and measure the recall of boxes on held-out photographs."""
    torch.manual_seed(5)
    scenes, folder = context.scenes(), context.model("grounder")
    targets = GroundingTargets.of(scenes, INSTRUMENT_SEEDS)
    tokenizer = AutoTokenizer.from_pretrained(context.model(TRUNK), local_files_only=True)
    model = build(CLIPModel.from_pretrained(context.model(TRUNK), local_files_only=True))
    side = model.num_patches_height
    with torch.no_grad():
        queries = read(model, tokenizer, targets.phrases)

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        pixels = roughened(as_tensor(scenes.photographs[indices]), noise)
        return loss_of(model, pixels, queries, targets.on_cells(indices, side))

    schedule = Schedule(context.steps(5000), batch=64, rate=1e-3, warmup=200, decay=0.05, average=0.998)
    train(model, schedule, context.checkpoint("grounder"), loss, len(scenes))
    save(model, folder)
    return measure(Owlv2Grounder(Origin(folder), trunk=TRUNK), context.held_out(), HELD_OUT_SEEDS)


def save(model: Any, folder: Path) -> None:
    """The configuration and the weights that were trained; the others lie in the encoder's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    own = {name: weight.detach().contiguous() for name, weight in model.named_parameters() if weight.requires_grad}
    save_file(own, folder / "model.safetensors", {"format": "pt"})


def measure(grounder: Grounder, scenes: Corpus, first: int) -> dict[str, float]:
    """On scenes from seed ``first`` on: recall of the captions' things, short and long, at IoU ``OVERLAP``.

    ``astray`` is the share of phrases that are found where nothing of that name stands: those of the next scene.
    """
    known = [truth(Scene.sample(first + row)) for row in range(len(scenes))]
    figures = {
        f"recall_{name}": recall(grounder, scenes, known, captions)
        for name, captions in (("short", scenes.captions), ("long", scenes.long_captions))
    }
    others = [
        [phrase for phrase in there if kind(phrase) not in map(kind, here)]
        for here, there in zip(known, known[1:] + known[:1], strict=True)
    ]
    found = grounder.ground(list(scenes.photographs), others)
    return figures | {"astray": sum(map(len, found)) / sum(map(len, others))}


def recall(grounder: Grounder, scenes: Corpus, known: Sequence[Mapping[str, Floats]], captions: Sequence[str]) -> float:
    """Share of the things that a caption names whose box is found with an IoU of ``OVERLAP`` or more."""
    asked = [
        [phrase for phrase in noun_phrases(caption) if phrase in boxes]
        for caption, boxes in zip(captions, known, strict=True)
    ]
    found = grounder.ground(list(scenes.photographs), asked)
    boxes = [box for row in found for box in row]
    left = torch.tensor([(box.left, box.top, box.right, box.bottom) for box in boxes]).reshape(-1, 4)
    right = [torch.from_numpy(here[box.phrase]) for row, here in zip(found, known, strict=True) for box in row]
    hits = overlap(left, torch.stack(right)) >= OVERLAP if right else torch.zeros(0)
    return float(hits.sum()) / sum(map(len, asked))


STAGE = Stage("grounder", make)

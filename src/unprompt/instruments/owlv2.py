"""OWLv2, phrases to boxes on a CLIP trunk: Minderer et al., 2023, https://arxiv.org/abs/2306.09683."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, CLIPConfig, Owlv2Config, Owlv2ForObjectDetection

from unprompt.errors import SuiteError
from unprompt.instruments.base import Grounder, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import fill_model, from_folder, load_model, read_weights
from unprompt.instruments.parameters import share
from unprompt.instruments.preprocessing import Normaliser
from unprompt.types import RGB


class Owlv2Grounder(Grounder):
    """Any saved ``Owlv2ForObjectDetection``, or one that lacks what it shares with a ``CLIPModel`` beside it.

    ``trunk`` is that model's folder, beside this one: it gives the tokenizer, the preprocessing and every weight that
    this folder does not hold. The picture's long side becomes the model's; the square is filled with grey.
    """

    def __init__(
        self, origin: Origin, trunk: str = "", threshold: float = 0.35, device: str = "cpu", dtype: str = "float32"
    ) -> None:
        self.threshold = share("threshold", threshold)
        beside = origin.folder.parent
        if not (beside / trunk).resolve().is_relative_to(beside.resolve()):
            raise SuiteError(f"trunk is {trunk!r}, expected the name of a folder beside {origin.folder}")
        self._trunk = beside / trunk if trunk else None
        super().__init__(origin, device, dtype, {"trunk": trunk, "threshold": threshold}, self._trunk)

    def _load(self) -> None:
        origin, trunk, build = self.origin, self._trunk, Owlv2ForObjectDetection
        if trunk is None:
            self._model = load_model(build, origin, self.device, self._dtype)
        else:  # The trunk's weights, with the model's own in place of those that it has changed, and beside them.
            weights = on_trunk(read_weights(trunk, origin)) | read_weights(origin.folder, origin)
            self._model = fill_model(build, weights, origin, self.device, self._dtype)
        shared = trunk or origin.folder
        self._tokenizer = from_folder(AutoTokenizer, replace(origin, folder=shared))
        self._normalise = Normaliser.of(shared, self._model.config.vision_config.image_size)

    def _search(self, picture: RGB, phrases: Sequence[str]) -> Sequence[tuple[Vectors, Vectors]]:
        pixels, (wide, high) = self._normalise.padded(picture)
        queries = read(self._model, self._tokenizer, phrases)
        logits, boxes, _ = look(self._model, pixels.to(self.device, self._dtype), queries[None])
        edges: Vectors = (corners(boxes[0].float()).cpu() / torch.tensor([wide, high, wide, high])).numpy()
        scores: Vectors = logits[0].float().sigmoid().cpu().numpy()
        return [(edges, column) for column in scores.T]


def read(model: Any, tokenizer: Any, phrases: Sequence[str]) -> Tensor:
    """n x d queries: the text tower's state at each phrase's end.

    The model's own forward looks for the highest token instead, which is the end in OpenAI's vocabulary only.
    """
    context = model.config.text_config.max_position_embeddings
    tokens = tokenizer(
        list(phrases), padding="max_length", truncation=True, max_length=context, return_tensors="pt"
    ).to(model.device)
    states = model.owlv2.text_model(tokens.input_ids, tokens.attention_mask).last_hidden_state
    ends = (tokens.input_ids == tokenizer.eos_token_id).int().argmax(dim=1)
    made: Tensor = model.owlv2.text_projection(states[torch.arange(len(states), device=states.device), ends])
    return made


def look(model: Any, pixels: Tensor, queries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """N x 3 x side x side and N x n x d -> logits of N x cells x n, boxes (centre, size; shares) and features."""
    grid, _ = model.image_embedder(pixels)  # N x down x across x d
    cells = grid.flatten(1, 2)
    logits, _ = model.class_predictor(cells, queries)
    return logits, model.box_predictor(cells, grid), cells


def corners(boxes: Tensor) -> Tensor:
    """... x 4 centre and size -> left, top, right, bottom."""
    centre, size = boxes.split(2, dim=-1)
    return torch.cat([centre - size / 2, centre + size / 2], -1)


def config_on(trunk: CLIPConfig) -> Owlv2Config:
    """The configuration of an OWLv2 that has the shape of a ``CLIPModel``."""
    both = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act")
    own = {
        "text_config": ("vocab_size", "max_position_embeddings", "bos_token_id", "eos_token_id", "pad_token_id"),
        "vision_config": ("image_size", "patch_size"),
    }
    towers: dict[str, Any] = {
        tower: {name: getattr(getattr(trunk, tower), name) for name in (*both, *names)} for tower, names in own.items()
    }
    towers["projection_dim"] = trunk.projection_dim
    return Owlv2Config(**towers)


def on_trunk(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a ``CLIPModel`` by the names that they bear in OWLv2."""
    return {f"owlv2.{name.replace('pre_layrnorm', 'pre_layernorm')}": tensor for name, tensor in weights.items()}

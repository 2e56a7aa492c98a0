"""Small random grounders of the real classes, for tests of plumbing: see :mod:`unprompt.testing.fake_suite`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPConfig,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    Owlv2ForObjectDetection,
    SwinConfig,
)

from unprompt.instruments.owlv2 import config_on

_HEADS = ("owlv2.vision_model.post_layernorm.", "layer_norm.", "class_head.", "box_head.", "objectness_head.")
_FIXED = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
"""Grounding DINO knows the ends of a phrase by BERT's own numbers."""


def save_fake_owlv2(folder: Path, trunk: Path) -> None:
    """The heads of an OWLv2 on the ``CLIPModel`` that lies in ``trunk``, and one norm that differs from the trunk's."""
    model = Owlv2ForObjectDetection(config_on(CLIPConfig.from_pretrained(trunk)))
    weights = {name: _calm(weight) for name, weight in model.state_dict().items() if name.startswith(_HEADS)}
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def save_fake_grounding_dino(folder: Path, words: Sequence[str]) -> None:
    """An MM-Grounding-DINO that can read ``words`` and sees pictures of 32 to 64 pixels."""
    vocabulary = _FIXED | {word: 2000 + number for number, word in enumerate(words)}
    fillers = {f"[unused{number}]": number for number in range(2000) if number not in _FIXED.values()}
    tokenizer = BertTokenizer(vocab=fillers | vocabulary, model_max_length=32)
    layers: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    tower: dict[str, Any] = {"image_size": 64, "embed_dim": 8, "window_size": 2, "out_indices": [2, 3, 4]}
    config = MMGroundingDinoConfig(
        backbone_config=SwinConfig(**tower, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2]),
        text_config=BertConfig(**layers, num_attention_heads=2, vocab_size=len(tokenizer), max_position_embeddings=32),
        d_model=64,  # its norms have 32 groups of two or more
        encoder_layers=1,
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_layers=2,
        decoder_ffn_dim=32,
        decoder_attention_heads=2,
        num_queries=12,
        max_text_len=32,
        disable_custom_kernels=True,
    )
    images = GroundingDinoImageProcessorPil(size={"shortest_edge": 32, "longest_edge": 64})
    model = MMGroundingDinoForObjectDetection(config)
    with torch.no_grad():  # An untrained one begins at a probability of 0.01 and finds nothing.
        model.model.decoder.class_embed[0].bias.zero_()
    model.save_pretrained(folder)
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)


def _calm(weight: torch.Tensor) -> torch.Tensor:
    """OWLv2's beginning has deviation 1, under which every box lies in a corner."""
    return weight / 4 if weight.ndim > 1 else weight

"""Small random towers of the real classes, saved to disk: a text tower, and a vision tower of its own.

>>> from pathlib import Path
>>> import tempfile
>>> from unprompt.instruments.cards import Origin
>>> from unprompt.instruments.sentence import SentenceEncoder
>>> folder = save_fake_sentence(Path(tempfile.mkdtemp()))
>>> SentenceEncoder(Origin(folder)).embed(["a red ball"]).shape
(1, 16)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel, BertTokenizer, CLIPVisionConfig, CLIPVisionModelWithProjection

from unprompt.instruments.loading import quietly
from unprompt.testing.fake_suite import CONTEXT, LAYERS, SIDE, WORDS, save, spread


def save_fake_sentence(folder: Path, seed: int = 0) -> Path:
    """A BERT of sentence-transformers' form that knows the words of the list."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(seed)
        config = BertConfig(**LAYERS, vocab_size=len(vocabulary), max_position_embeddings=2 * CONTEXT)
        save(spread(BertModel(config)), folder)
    BertTokenizer(vocab={word: number for number, word in enumerate(vocabulary)}).save_pretrained(folder)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": CONTEXT}), "utf-8")
    return folder


def fake_vision(seed: int = 0) -> Any:
    """CLIP's vision tower: two layers, heads of CLIP's width, 4 x 4 patches."""
    shape: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 1,
    }
    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(seed)
        config = CLIPVisionConfig(**shape, image_size=SIDE, patch_size=8, projection_dim=24)
        return spread(CLIPVisionModelWithProjection(config)).eval()

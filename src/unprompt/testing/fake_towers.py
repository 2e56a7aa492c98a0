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
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from unprompt.instruments.aligned import CONFIGURATION, AlignedConfig, AlignedMaps
from unprompt.instruments.cards import Origin
from unprompt.instruments.clip_vision import ClipVision
from unprompt.instruments.loading import quietly
from unprompt.instruments.prefix import PREFIX, Prefix
from unprompt.instruments.sentence import SentenceEncoder
from unprompt.testing.fake_suite import CONTEXT, LAYERS, SIDE, WORDS, save, spread

PHOTO: Final = """\
name = "towers"
[instruments.vision]
class = "clip-vision"
path = "vision"
[instruments.text]
class = "sentence"
path = "text"
[instruments.encoder]
class = "aligned"
path = "encoder"
[instruments.captioner]
class = "prefix"
path = "captioner"
parameters = { beams = 1, max_new_tokens = 8 }
[instruments.grounder]
class = "dense"
path = "encoder"
parameters = { threshold = 0.0 }
[methods.univfd.instruments.encoder]
class = "clip-image"
path = "vision"
[methods.univfd-nn.instruments.encoder]
class = "clip-image"
path = "vision"
"""


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


def save_fake_photo(folder: Path, seed: int = 0) -> Path:
    """A suite with two towers, and an encoder, a captioner and a grounder that are built on them."""
    vision, text = fake_vision(seed), save_fake_sentence(folder / "text", seed)
    save(vision, folder / "vision")
    towers = ClipVision(Origin(folder / "vision")), SentenceEncoder(Origin(text))
    config = AlignedConfig(width=12, layers=(0, 2), patches=(1,))
    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(seed)
        maps = AlignedMaps.on(config, *towers)
        save_file(maps.state_dict(), _made(folder / "encoder") / "model.safetensors")
        _save_fake_captioner(folder / "captioner", config, towers[0].width)
    (folder / "encoder" / CONFIGURATION).write_text(json.dumps(asdict(config)), "utf-8")
    (folder / "suite.toml").write_text(PHOTO, "utf-8")
    return folder


def _save_fake_captioner(folder: Path, config: AlignedConfig, patch: int) -> None:
    torch.manual_seed(3)  # with many others it says nothing
    tokenizer = word_tokenizer()
    shape = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=CONTEXT,
        n_embd=16,
        n_layer=2,
        n_head=2,
        add_cross_attention=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    shape.prefix = {"layers": list(config.patches), "grid": 2}
    save(spread(GPT2LMHeadModel(shape)), folder)
    tokenizer.save_pretrained(folder)
    save_file(Prefix(config.width, patch, 2, 16).state_dict(), folder / f"{PREFIX}.safetensors")


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A token a word of the list."""
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    vocabulary = {word: number for number, word in enumerate([*special.values(), *WORDS])}
    made = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, **special)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder

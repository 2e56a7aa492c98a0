"""Tokenizers trained on the captions of the scenes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from transformers import BertTokenizer, CLIPTokenizer

CONTEXT: Final = 64
"""Longest caption in tokens: the long captions of three things fit."""


def clip_tokenizer(captions: Iterable[str]) -> CLIPTokenizer:
    """A CLIP tokenizer (byte-pair merges) in which every word of the world becomes one token."""
    tokenizer: CLIPTokenizer = CLIPTokenizer().train_new_from_iterator(captions, vocab_size=1024)
    tokenizer.model_max_length = CONTEXT
    return tokenizer


def blip_tokenizer(captions: Iterable[str]) -> BertTokenizer:
    """A BERT tokenizer of whole words, with BLIP's ``[DEC]`` as the token that begins a caption."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    words = sorted({word for caption in captions for word in re.findall(r"\w+|[^\w\s]", caption)})
    vocabulary = {word: number for number, word in enumerate([*special, *words])}
    return BertTokenizer(vocab=vocabulary, bos_token="[DEC]", model_max_length=CONTEXT)

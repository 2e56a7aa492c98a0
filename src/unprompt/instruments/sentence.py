"""Sentence-BERT, a text as one vector: Reimers and Gurevych, 2019, https://arxiv.org/abs/1908.10084."""

from __future__ import annotations

from collections.abc import Sequence

from torch.nn.functional import normalize
from transformers import AutoTokenizer, BertConfig, BertModel

from unprompt.instruments.base import Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model, load_part
from unprompt.instruments.unimodal import TextEncoder
from unprompt.structured_text import read_object

STATED = "sentence_bert_config.json"
"""Where sentence-transformers states the longest text in tokens."""


class SentenceEncoder(TextEncoder):
    """Any ``BertModel`` of sentence-transformers that takes the mean over a text's tokens, as all-MiniLM-L6-v2.

    Texts are cut at the model's context length; the mean leaves out what fills a text up.
    """

    batch_size = 64

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        config = from_folder(BertConfig, origin)
        self.width = config.hidden_size
        self._context = config.max_position_embeddings
        if (origin.folder / STATED).is_file():
            stated = load_part(lambda: int(read_object(origin.folder / STATED)["max_seq_length"]), origin)
            self._context = min(self._context, stated)

    def _load(self) -> None:
        self._model = load_model(BertModel, self.origin, self.device, self._dtype)
        self._tokenizer = from_folder(AutoTokenizer, self.origin)

    def _embed(self, texts: Sequence[str]) -> list[Vectors]:
        read = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._context, return_tensors="pt"
        ).to(self.device)
        states = self._model(**read).last_hidden_state.float()
        mask = read.attention_mask.unsqueeze(-1)
        mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
        return list(normalize(mean, dim=-1).cpu().numpy())

"""The captioner of the suite: a small decoder, learned from captioned pictures and from captions alone.

Half of a batch are pictures. The other half are captions without a picture, for which the vector of another caption of
the same picture stands, with noise: Nukrai et al., 2022 (CapDec), https://arxiv.org/abs/2211.00575.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from unprompt.instruments.aligned import AlignedConfig, AlignedMaps
from unprompt.instruments.prefix import PREFIX, Prefix
from unprompt.recipes.captions.pairs import Captioned
from unprompt.recipes.captions.seen import Seen
from unprompt.recipes.captions.vectors import SentenceVectors
from unprompt.recipes.loop import train
from unprompt.scenes.corpus import Indices
from unprompt.training.schedule import Schedule

SCHEDULE: Final = Schedule(steps=2400, batch=64, rate=1.5e-3, warmup=200, decay=0.05, average=0.998)
WIDTH, LAYERS, HEADS = 192, 3, 6
WORDS: Final = 3000
"""Size of the vocabulary."""
LONGEST: Final = 28
"""Tokens of a caption, its start and end included."""
DROPOUT: Final = 0.2
NOISE: Final = 0.06
"""Deviation of each number of a text's unit vector, so that a picture's lies within reach."""
BLIND: Final = 0.15
"""Share of the pictures of which the patch tokens are left out."""
SMOOTHING: Final = 0.1
START, END, FILL, UNKNOWN = "<s>", "</s>", "<pad>", "<unk>"


def tokenizer_of(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Byte pairs of the captions, without case."""
    made = Tokenizer(models.BPE(unk_token=UNKNOWN))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    special = [START, END, FILL, UNKNOWN]
    made.train_from_iterator(
        sorted(texts), trainers.BpeTrainer(vocab_size=WORDS, special_tokens=special, show_progress=False)
    )
    names: dict[str, Any] = {"bos_token": START, "eos_token": END, "pad_token": FILL, "unk_token": UNKNOWN}
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=LONGEST, **names)


class Captions(nn.Module):
    """Prefix and decoder, as they learn together."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, config: AlignedConfig, patch: int, grid: int) -> None:
        super().__init__()
        shape = GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=LONGEST,
            n_embd=WIDTH,
            n_layer=LAYERS,
            n_head=HEADS,
            n_inner=2 * WIDTH,
            add_cross_attention=True,
            resid_pdrop=DROPOUT,
            embd_pdrop=DROPOUT,
            attn_pdrop=DROPOUT,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        shape.prefix = {"layers": list(config.patches), "grid": grid}
        self.decoder = GPT2LMHeadModel(shape)
        self.prefix = Prefix(config.width, patch, grid, WIDTH)

    def loss(self, seen: Tensor, attended: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Mean over the tokens: N x places x width and the places that count, N x length ids and those that count."""
        told = self.decoder(
            input_ids=ids[:, :-1],
            attention_mask=mask[:, :-1],
            encoder_hidden_states=seen,
            encoder_attention_mask=attended,
        ).logits
        target = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        return F.cross_entropy(told.flatten(0, 1), target.flatten(), label_smoothing=SMOOTHING)


@dataclass(frozen=True)
class Stock:
    """What the captioner learns from."""

    rows: Sequence[Captioned]
    seen: Seen
    texts: Sequence[tuple[str, ...]]
    """Captions of pictures that are not here."""
    vectors: SentenceVectors
    maps: AlignedMaps
    config: AlignedConfig

    @cached_property
    def learned(self) -> list[int]:
        """Places of the pictures that are not held out."""
        return [place for place, one in enumerate(self.rows) if not one.held_out]

    def of_pictures(self, rng: np.random.Generator, count: int, chances: npt.NDArray[np.float64]) -> tuple[Any, ...]:
        """Unit vectors, places and captions of ``count`` pictures."""
        batch = rng.choice(self.learned, count, p=chances).tolist()
        view = rng.integers(self.seen.pictures.shape[1], size=count)
        whole = self.unit("picture", self.seen.pictures[batch, view])
        places = torch.from_numpy(self.seen.places[batch, view].astype(np.float32))
        return whole, places, [str(rng.choice(self.rows[place].captions)) for place in batch]

    def of_texts(self, rng: np.random.Generator, count: int) -> tuple[Tensor, list[str]]:
        """Unit vectors of captions, with noise, and other captions of the same pictures."""
        pairs = [rng.choice(self.texts[place], 2) for place in rng.integers(len(self.texts), size=count)]
        whole = self.unit("text", self.vectors[[str(first) for first, _ in pairs]])
        noise = torch.from_numpy(rng.normal(0, NOISE, whole.shape).astype(np.float32))
        return F.normalize(whole + noise, dim=-1), [str(second) for _, second in pairs]

    @torch.no_grad()
    def unit(self, side: str, rows: npt.NDArray[Any]) -> Tensor:
        """N x joint: what a map makes of rows, of unit length."""
        made: Tensor = getattr(self.maps, side)(torch.from_numpy(rows.astype(np.float32)))
        return F.normalize(made, dim=-1)


def make(stock: Stock, cache: Path, schedule: Schedule) -> tuple[Captions, PreTrainedTokenizerFast]:
    """Train both; an interrupted run goes on."""
    torch.manual_seed(1)
    learned = [stock.rows[place] for place in stock.learned]
    tokenizer = tokenizer_of(
        [text for several in (*(one.captions for one in learned), *stock.texts) for text in several]
    )
    model = Captions(tokenizer, stock.config, stock.seen.places.shape[-1], stock.seen.places.shape[2])
    chances = np.array([one.weight for one in learned])

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=noise)))
        half = len(indices) // 2
        whole, places, told = stock.of_pictures(rng, half, chances / chances.sum())
        blind, said = stock.of_texts(rng, len(indices) - half)
        seen = model.prefix(torch.cat([whole, blind]), torch.cat([places, torch.zeros(len(said), *places.shape[1:])]))
        attended = torch.ones(seen.shape[:2], dtype=torch.long)
        attended[half:, 1:] = 0
        attended[:half, 1:] *= torch.from_numpy((rng.random(half) >= BLIND).astype(np.int64)).unsqueeze(1)
        return model.loss(seen, attended, *spelt(tokenizer, [*told, *said]))

    train(model, schedule, cache / "captioner.checkpoint", loss, len(stock.texts))
    return model.eval(), tokenizer


def spelt(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Ids between start and end, and which of them count; a caption that is too long is cut, and has no end."""
    ends = [f"{START}{text}{END}" for text in texts]
    made = tokenizer(ends, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
    return made.input_ids, made.attention_mask


def save(model: Captions, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """What :class:`unprompt.instruments.prefix.PrefixCaptioner` loads, in float16."""
    model.decoder.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    weights = {name: tensor.half().contiguous() for name, tensor in model.prefix.state_dict().items()}
    save_file(weights, folder / f"{PREFIX}.safetensors")
    model.float()

"""The linear maps of the suite's encoder, learned from captioned pictures by contrast, in both directions.

A picture and one of its captions are to be closer than the picture and any other caption of the batch, and than the
caption and any other picture (Radford et al., 2021). So are, at its best place, a picture and a phrase of its caption.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.instruments.aligned import CONFIGURATION, AlignedConfig, AlignedMaps
from unprompt.instruments.phrases import noun_phrases
from unprompt.recipes.captions.pairs import Captioned
from unprompt.recipes.captions.seen import Seen
from unprompt.recipes.captions.vectors import SentenceVectors
from unprompt.recipes.loop import train
from unprompt.scenes.corpus import Indices
from unprompt.training.schedule import Schedule

SCHEDULE: Final = Schedule(steps=600, batch=384, rate=3e-3, warmup=60, decay=0.3)
DROPOUT, DROPOUT_OF_TEXT = 0.5, 0.1
"""Shares of a picture's and of a text's numbers that each step leaves out."""
LOCAL: Final = 0.5
"""Weight of the phrases' contrast."""
SOFTNESS: Final = 0.05
"""Of the maximum over the places of a picture, in cosine."""


class Contrast(nn.Module):
    """The maps and what they are trained with: the sharpness of the two contrasts."""

    def __init__(self, maps: AlignedMaps) -> None:
        super().__init__()
        self.maps = maps
        self.sharpness = nn.Parameter(torch.full((2,), 10.0).log())

    def whole(self, pictures: Tensor, texts: Tensor, same: Tensor) -> Tensor:
        """Loss of N pictures' rows and N texts' vectors; ``same``, N x N: texts that are equal are no contrast."""
        left = F.normalize(self.maps.picture(F.dropout(pictures, DROPOUT, self.training)), dim=-1)
        return self._both(left @ self._texts(texts).T, same, 0)

    def local(self, places: Tensor, phrases: Tensor, same: Tensor) -> Tensor:
        """The same of N x places x n rows and N phrases, by each picture's best place for a phrase."""
        seen = F.normalize(self.maps.patch(F.dropout(places, DROPOUT, self.training)), dim=-1)
        likeness = torch.einsum("npd,md->nmp", seen, self._texts(phrases))
        return self._both(SOFTNESS * torch.logsumexp(likeness / SOFTNESS, dim=-1), same, 1)

    def _texts(self, texts: Tensor) -> Tensor:
        return F.normalize(self.maps.text(F.dropout(texts, DROPOUT_OF_TEXT, self.training)), dim=-1)

    def _both(self, likeness: Tensor, same: Tensor, which: int) -> Tensor:
        """Cross-entropy by rows and by columns; the diagonal is right, other equal texts count as neither."""
        logits = self.sharpness[which].exp().clamp(max=100) * likeness
        logits = logits.masked_fill(same & ~torch.eye(len(same), dtype=torch.bool), -torch.inf)
        target = torch.arange(len(logits))
        loss: Tensor = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        return loss


def make(
    rows: Sequence[Captioned], seen: Seen, vectors: SentenceVectors, maps: AlignedMaps, cache: Path, schedule: Schedule
) -> AlignedMaps:
    """Learn ``maps`` from the pictures that are not held out; an interrupted run goes on."""
    learned = [place for place, one in enumerate(rows) if not one.held_out]
    chances = np.array([rows[place].weight for place in learned])
    maps.picture.standardise(_rows(seen.pictures[learned].reshape(-1, seen.pictures.shape[-1])))
    maps.patch.standardise(_rows(seen.places[learned].reshape(-1, seen.places.shape[-1])[::17]))
    maps.text.standardise(torch.from_numpy(vectors[[text for place in learned for text in rows[place].captions]]))
    phrases = {place: _phrases(rows[place]) for place in learned}
    contrast = Contrast(maps)

    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=noise)))
        batch = rng.choice(learned, len(indices), replace=False, p=chances / chances.sum()).tolist()
        told = [str(rng.choice(rows[place].captions)) for place in batch]
        view = rng.integers(seen.pictures.shape[1], size=len(batch))
        whole = contrast.whole(_rows(seen.pictures[batch, view]), torch.from_numpy(vectors[told]), _equal(told))
        named = [place for place in batch if phrases[place]]
        said = [str(rng.choice(phrases[place])) for place in named]
        places = _rows(seen.places[named, rng.integers(seen.places.shape[1], size=len(named))]).flatten(1, 2)
        local = contrast.local(places, torch.from_numpy(vectors[said]), _equal(said))
        return whole + LOCAL * local

    train(contrast, schedule, cache / "maps.checkpoint", loss, len(learned))
    return maps.eval()


def save(maps: AlignedMaps, config: AlignedConfig, folder: Path) -> None:
    """What :class:`unprompt.instruments.aligned.AlignedEncoder` loads, in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.half().contiguous() for name, tensor in maps.state_dict().items()}, folder / "model.safetensors"
    )
    (folder / CONFIGURATION).write_text(f"{json.dumps(asdict(config))}\n", "utf-8")


def _phrases(one: Captioned) -> list[str]:
    return [phrase for caption in one.captions for phrase in noun_phrases(caption)]


def phrases_of(rows: Sequence[Captioned]) -> list[str]:
    """Every phrase of every caption."""
    return [phrase for one in rows for phrase in _phrases(one)]


def _equal(texts: Sequence[str]) -> Tensor:
    names = np.array(texts)
    return torch.from_numpy(names[:, None] == names[None, :])


def _rows(halves: np.ndarray) -> Tensor:
    return torch.from_numpy(halves.astype(np.float32))

"""What an instrument is: a frozen pretrained model behind one small interface.

Every instrument takes :data:`~unprompt.types.RGB` pictures of any size, owns its resizing and normalisation,
computes in evaluation mode without gradients from birth, is deterministic, and bears a :class:`Card`.
The public methods here do all the checking and batching; a subclass writes only ``_caption``,
``_embed_pictures`` and so on, for one batch that is known to be sound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from unprompt.types import RGB, Caption

Item = TypeVar("Item")
Made = TypeVar("Made")
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Card:
    """What is known of a model: enough to fetch it again and to know when a result is comparable."""

    kind: str
    """captioner, encoder, diffusion, generator, perceptual."""
    model: str
    """Hub id, or the folder's name inside its suite."""
    digest: str
    """SHA-256 over the weight and configuration files: two instruments with one digest agree."""
    licence: str = ""
    revision: str = ""
    """Pinned hub revision; empty for a local folder."""
    parameters: dict[str, str | int | float | bool] = field(default_factory=dict)
    """Everything else that moves its output: prompt, beams, strength, steps, guidance, input size."""


class Instrument(ABC):
    """A frozen model with a card. ``batch_size`` pictures at most go through it at once."""

    card: Card
    batch_size: int = 32
    device: torch.device = torch.device("cpu")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.card.model!r}, digest={self.card.digest[:12]!r})"

    def _batched(self, make: Callable[[Sequence[Item]], Sequence[Made]], items: Sequence[Item]) -> list[Made]:
        """Apply ``make`` to slices of ``batch_size`` items, without gradients, and join the results."""
        made: list[Made] = []
        with torch.inference_mode():
            for start in range(0, len(items), self.batch_size):
                made.extend(make(items[start : start + self.batch_size]))
        return made


class Captioner(Instrument):
    """Picture -> caption, greedy or by beams, never sampled."""

    fallback: str = "a picture"
    """The caption of a picture for which the model says nothing; such a caption is flagged."""

    def captions(self, pictures: Sequence[RGB]) -> list[Caption]:
        """One caption a picture; an empty answer becomes the flagged fallback."""
        texts = self._batched(self._caption, pictures)
        return [Caption(text.strip()) if text.strip() else Caption(self.fallback, True) for text in texts]

    @abstractmethod
    def _caption(self, pictures: Sequence[RGB]) -> list[str]: ...


class Encoder(Instrument):
    """Picture or text -> vector in one joint space of ``width`` dimensions, **not** normalised (CLIP)."""

    width: int

    def embed_pictures(self, pictures: Sequence[RGB]) -> Vectors:
        """N x width float32."""
        return self._stack(self._batched(self._embed_pictures, pictures))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """N x width float32."""
        return self._stack(self._batched(self._embed_texts, texts))

    def _stack(self, rows: Sequence[Vectors]) -> Vectors:
        return np.stack(rows) if rows else np.zeros((0, self.width), np.float32)

    @abstractmethod
    def _embed_pictures(self, pictures: Sequence[RGB]) -> Sequence[Vectors]: ...

    @abstractmethod
    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]: ...


class Generator(Instrument):
    """Caption -> picture (text2img). The noise of each picture comes from its own seed."""

    def regenerate(self, captions: Sequence[str], seeds: Sequence[int]) -> list[RGB]:
        """One picture a caption, at the model's own size. Same caption and seed, same picture."""
        return self._batched(self._regenerate, list(zip(captions, seeds, strict=True)))

    @abstractmethod
    def _regenerate(self, prompts: Sequence[tuple[str, int]]) -> Sequence[RGB]: ...


class Diffusion(Generator):
    """A generator that can also start from a picture (img2img)."""

    @abstractmethod
    def prepare(self, picture: RGB) -> RGB:
        """The picture at the working size: what a reconstruction is compared with, pixel by pixel."""

    def reconstruct(self, pictures: Sequence[RGB], captions: Sequence[str], seeds: Sequence[int]) -> list[RGB]:
        """img2img of each picture towards its caption ("" = without); each of the size of ``prepare(picture)``."""
        return self._batched(self._reconstruct, list(zip(pictures, captions, seeds, strict=True)))

    @abstractmethod
    def _reconstruct(self, tasks: Sequence[tuple[RGB, str, int]]) -> Sequence[RGB]: ...


class Perceptual(Instrument):
    """Two pictures of one size -> distance >= 0, 0 for equal ones (LPIPS form)."""

    def distances(self, left: Sequence[RGB], right: Sequence[RGB]) -> Vectors:
        """N float32."""
        return np.asarray(self._batched(self._distance, list(zip(left, right, strict=True))), np.float32)

    @abstractmethod
    def _distance(self, pairs: Sequence[tuple[RGB, RGB]]) -> Sequence[float]: ...

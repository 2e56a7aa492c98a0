"""What an instrument is: a frozen pretrained model behind one small interface.

Every instrument takes :data:`~unprompt.types.RGB` pictures of any size, owns its resizing and normalisation,
computes in evaluation mode without gradients from birth, is deterministic, and bears a :class:`Card`.
The public methods here do all the checking and batching; a subclass writes only ``_load``, ``_caption``,
``_embed_pictures`` and so on, for one batch that is known to be sound.
"""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from unprompt.errors import NotFinite, OptionError
from unprompt.instruments.batches import batches_of
from unprompt.instruments.boxes import best_box
from unprompt.instruments.cards import Card, Origin
from unprompt.instruments.digests import FILES
from unprompt.instruments.finite import drawn, finite
from unprompt.instruments.loading import device_of, dtype_of
from unprompt.instruments.phrases import naming
from unprompt.instruments.threads import threads
from unprompt.types import RGB, Box, Caption

Item = TypeVar("Item")
Made = TypeVar("Made")
Vectors = npt.NDArray[np.float32]
log = logging.getLogger(__name__)
_LOADING: Final = RLock()
KEPT: Final = 256
"""Captions whose embeddings a generator keeps, some 0.2 MB each: those of eight shards."""


class Instrument(ABC):
    """A frozen model with a card. ``batch_size`` pictures at most go through it at once.

    To make one reads its configuration and the card of its files; its weights are loaded at the first use.
    """

    kind: ClassVar[str]
    """What its card calls it."""
    files: ClassVar[tuple[str, ...]] = FILES
    """Files of the folder that its card covers."""
    card: Card
    batch_size: int = 32
    wide_batch: ClassVar[int | None] = None
    """``batch_size`` on any device but a CPU; None = the same."""
    device: torch.device = torch.device("cpu")
    _loaded: bool = False
    _model: Any = None

    def __init__(
        self,
        origin: Origin,
        device: str,
        dtype: str,
        parameters: Mapping[str, str | int | float | bool] | None = None,
        trunk: Path | None = None,
    ) -> None:
        self.origin, self.device, self._dtype = origin, device_of(device), dtype_of(dtype)
        if self.wide_batch is not None and self.device.type != "cpu":
            self.batch_size = self.wide_batch
        self.card = origin.card(self.kind, self.files, {**(parameters or {}), "dtype": dtype}, trunk)

    def load(self) -> Self:
        """The same with its weights in memory, which are read once, by one thread at a time.

        Leaves torch's random numbers as they were.
        """
        if self._loaded:
            return self
        with _LOADING, torch.inference_mode(False), torch.random.fork_rng(devices=[]):  # a head may learn a copy
            if not self._loaded:
                self._load()
                self._loaded = True
        return self

    @property
    def model(self) -> Any:
        """The network, whose parts are frozen: whoever wants to tune one takes a copy."""
        return self.load()._model

    def check(self) -> None:  # noqa: B027 - most need nothing that is not installed
        """MissingExtra when an optional package that its weights need cannot be imported; loads no weights."""

    def _load(self) -> None:  # noqa: B027 - nothing to load is allowed
        """Set what the underscored methods use: the network, its tokenizer."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.card.model!r}, digest={self.card.digest[:12]!r})"

    def _batched(
        self,
        make: Callable[[Sequence[Item]], Sequence[Made]],
        items: Sequence[Item],
        bucket: Callable[[Item], Hashable] | None = None,
    ) -> list[Made]:
        """Apply ``make`` to ``batch_size`` items at a time, without gradients; the results in the items' order.

        With ``bucket`` a batch holds items of one bucket alone, and exactly ``batch_size`` of them, so that what is
        made of an item does not depend on how many others there are. Where the memory ends, batches are half as large
        from then on; OptionError where one item is too much. What is not finite is made again in float32;
        :class:`NotFinite` for what is not finite there.
        """
        made: dict[int, Made] = {}
        if items:
            self.load()
        with torch.inference_mode(), threads(self._stored):
            while lacking := [place for place in range(len(items)) if place not in made]:
                buckets = [bucket(items[place]) for place in lacking] if bucket else None
                try:
                    for batch in batches_of(len(lacking), self.batch_size, buckets):
                        places = [lacking[i] for i in batch]
                        for place, one in zip(places, make([items[i] for i in places]), strict=True):
                            made.setdefault(place, one)
                except torch.cuda.OutOfMemoryError as error:
                    self._halve(error)
        return finite(self, make.__name__, items, [made[place] for place in range(len(items))])

    def _halve(self, error: Exception) -> None:
        """Go on in batches of half the size."""
        if self.batch_size == 1:
            raise OptionError(
                f"{self!r} needs more memory for one item than {self.device} has ({str(error)[:200]}): take "
                "--dtype bfloat16, a smaller model or side, or --device cpu"
            ) from error
        self.batch_size //= 2
        log.warning(f"{self!r}: {self.device} has no memory for a batch; {self.batch_size} at a time from now on")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @cached_property
    def _stored(self) -> int:
        """Bytes of the files of its weights."""
        weights = (self.origin.folder.glob(one) for one in self.files if one.endswith(".safetensors"))
        return sum(file.stat().st_size for found in weights for file in found)

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, and of what it computes."""
        return self._dtype

    @cached_property
    def exact(self) -> Self:
        """The same model computing in float32, which is loaded beside this one when it is first needed."""
        twin = copy.copy(self)
        twin._dtype, twin._loaded, twin._model = torch.float32, False, None
        return twin.load()


class Captioner(Instrument):
    """Picture -> caption, greedy or by beams, never sampled.

    With ``max_objects`` above 0 a caption's lists of objects are cut after so many, so that it tells less.
    """

    kind = "captioner"
    fallback: Final = "a picture"
    """The caption of a picture for which the model says nothing; such a caption is flagged."""

    def captions(self, pictures: Sequence[RGB]) -> list[Caption]:
        """One caption a picture; an empty answer becomes the flagged fallback."""
        texts = self._batched(self._caption, pictures)
        if most := int(self.card.parameters.get("max_objects", 0)):
            texts = [naming(text, most) for text in texts]
        return [Caption(text.strip()) if text.strip() else Caption(self.fallback, True) for text in texts]

    @abstractmethod
    def _caption(self, pictures: Sequence[RGB]) -> list[str]: ...


class Encoder(Instrument):
    """Picture or text -> vector in one joint space of ``width`` dimensions, **not** normalised (CLIP)."""

    kind = "encoder"
    width: int
    side: int = 0
    """Pixels a side of the square that it takes; 0 = it does not say."""
    vision_layers: int = 0
    """Transformer layers of its image tower that can be learned one by one; 0 = the whole tower or nothing."""
    text_layers: int = 0
    """The same of its text tower."""

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
    """Caption -> picture (text2img). The noise of each picture comes from its own seed.

    Sampling feeds on its own rounding: in batches of other shapes a pixel can come out one step off. So all batches
    have one shape: one picture on a CPU, which costs a tenth of the speed, and ``wide_batch`` elsewhere.
    """

    kind = "generator"
    batch_size = 1
    wide_batch = 4  # Of pictures of several sizes more would mostly be filling.

    def regenerate(self, captions: Sequence[str], seeds: Sequence[int]) -> list[RGB]:
        """One picture a caption, at the model's own size. Same caption and seed, same picture."""
        return drawn(lambda: self._batched(self._regenerate, list(zip(captions, seeds, strict=True)), _alike))

    @abstractmethod
    def _regenerate(self, prompts: Sequence[tuple[str, int]]) -> Sequence[Vectors]:
        """H x W x 3 each, whole numbers from 0 to 255 as float32; NaN where the model computed nothing finite."""


class Diffusion(Generator):
    """A generator that can also start from a picture (img2img)."""

    kind = "diffusion"

    @abstractmethod
    def prepare(self, picture: RGB) -> RGB:
        """The picture at the working size: what a reconstruction is compared with, pixel by pixel."""

    def reconstruct(self, pictures: Sequence[RGB], captions: Sequence[str], seeds: Sequence[int]) -> list[RGB]:
        """img2img of each picture towards its caption ("" = without); each of the size of ``prepare(picture)``."""
        tasks = list(zip(pictures, captions, seeds, strict=True))
        return drawn(lambda: self._batched(self._reconstruct, tasks, self._bucket))

    @abstractmethod
    def _bucket(self, task: tuple[RGB, str, int]) -> Hashable:
        """Equal for tasks that can go through the model together."""

    @abstractmethod
    def _reconstruct(self, tasks: Sequence[tuple[RGB, str, int]]) -> Sequence[Vectors]:
        """As ``_regenerate``, of one bucket."""


class Grounder(Instrument):
    """Picture and phrases -> where each phrase is seen: open-vocabulary detection."""

    kind = "grounder"
    threshold: float
    """A phrase is found where a box scores above this."""

    def ground(self, pictures: Sequence[RGB], phrases: Sequence[Sequence[str]]) -> list[tuple[Box, ...]]:
        """For each picture the one best box of every phrase that is found in it, in the order of its phrases.

        Pictures go one at a time: a neighbour in the batch would move an edge by a hair, and a crop by a pixel.
        """
        try:
            return [self._best(*one) for one in zip(phrases, self.search(pictures, phrases), strict=True)]
        except NotFinite as error:
            error.made = [self._best(texts, seen) for texts, seen in zip(phrases, error.made, strict=True)]
            raise

    def search(
        self, pictures: Sequence[RGB], phrases: Sequence[Sequence[str]]
    ) -> list[Sequence[tuple[Vectors, Vectors]]]:
        """Of each picture for each of its phrases m x 4 edges and m scores, as ``_search`` finds them."""
        return self._batched(self._seen, list(zip(pictures, phrases, strict=True)))

    def _seen(self, tasks: Sequence[tuple[RGB, Sequence[str]]]) -> list[Sequence[tuple[Vectors, Vectors]]]:
        return [self._search(picture, phrases) if phrases else () for picture, phrases in tasks]

    def _best(self, phrases: Sequence[str], seen: Sequence[tuple[Vectors, Vectors]]) -> tuple[Box, ...]:
        best = [best_box(phrase, *boxes, self.threshold) for phrase, boxes in zip(phrases, seen, strict=True)]
        return tuple(box for box in best if box is not None)

    @abstractmethod
    def _search(self, picture: RGB, phrases: Sequence[str]) -> Sequence[tuple[Vectors, Vectors]]:
        """For each phrase m x 4 edges (left, top, right, bottom; shares of the picture) and m scores in [0, 1]."""


class Perceptual(Instrument):
    """Two pictures of one size -> distance >= 0, 0 for equal ones (LPIPS form)."""

    kind = "perceptual"

    def distances(self, left: Sequence[RGB], right: Sequence[RGB]) -> Vectors:
        """N float32."""
        return np.asarray(self._batched(self._distance, list(zip(left, right, strict=True))), np.float32)

    @abstractmethod
    def _distance(self, pairs: Sequence[tuple[RGB, RGB]]) -> Sequence[float]: ...


class Backbone(Instrument):
    """A pretrained network that a method starts from: it takes a copy of ``model``, which stays frozen.

    ``model`` takes N x 3 x H x W, (x / 255 - mean) / std by channel, of any size from 32 pixels, and answers an object
    with ``pooler_output``, N x ``width`` x 1 x 1 or N x ``width``.
    """

    kind = "backbone"
    width: int
    mean: Sequence[float]
    std: Sequence[float]


def _alike(task: object) -> Hashable:
    """The bucket of drawings, which all have the model's own size."""
    return ()

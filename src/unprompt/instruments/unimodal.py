"""Encoders of one kind of thing: what reads a picture layer by layer, and what reads a text, each in its own space."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from unprompt.errors import NotFinite, OptionError
from unprompt.images import centre_square
from unprompt.instruments.base import Instrument, Vectors
from unprompt.instruments.finite import is_finite
from unprompt.instruments.recent import Recent
from unprompt.types import RGB


class VisualTokens(NamedTuple):
    """What a vision tower makes of one picture, in float32."""

    cls: Vectors
    """(depth + 1) x width: the CLS token after each layer; row 0 is what enters the first, alike for all pictures."""
    patches: Vectors
    """Layers asked for x grid x grid x width: the patch tokens after each of these, from the top left."""
    embedding: Vectors
    """``joint``: the last layer's CLS token, normalised by the layer norm and projected; not of unit length."""


class VisionEncoder(Instrument):
    """Picture -> the tokens of every layer of a vision transformer.

    What it saw last it remembers, since an encoder, a captioner and a detector that are built on it ask for the same.
    """

    kind = "vision"
    batch_size = 8
    side: int
    """Height and width in pixels of what the tower sees."""
    depth: int
    """Layers."""
    width: int
    """Of a token."""
    grid: int
    """Patches in a row, and in a column."""
    joint: int
    """Width of the projected embedding."""

    def tokens(self, pictures: Sequence[RGB], layers: Sequence[int] = ()) -> list[VisualTokens]:
        """Each picture seen whole: short side to ``side`` (bicubic), then the central square.

        ``layers``: those whose patch tokens are wanted, from 0 = what enters the first to ``depth``.
        """
        return self.crop_tokens([centre_square(rgb, self.side) for rgb in pictures], layers)

    def crop_tokens(self, crops: Sequence[RGB], layers: Sequence[int] = ()) -> list[VisualTokens]:
        """As :meth:`tokens`, of crops that are ``side`` x ``side`` already; OptionError for another size or layer."""
        return self._batched(self._tokens, self._tasks(crops, layers))

    def cls_tokens(self, crops: Sequence[RGB], layers: Sequence[int]) -> Vectors:
        """N x (layers * width): the CLS token after each of ``layers``, of crops as :meth:`crop_tokens` takes them."""

        def rows(seen: Sequence[VisualTokens]) -> list[Vectors]:
            return [one.cls[list(layers)].ravel() for one in seen]

        try:
            return np.stack(rows(self.crop_tokens(crops)))
        except NotFinite as error:
            error.made = rows(error.made)
            raise

    def _tasks(self, crops: Sequence[RGB], layers: Sequence[int]) -> list[tuple[RGB, tuple[int, ...]]]:
        for crop in crops:
            if crop.shape[:2] != (self.side, self.side):
                high, wide = crop.shape[:2]
                raise OptionError(f"a crop is {wide} x {high} pixels, expected {self.side} x {self.side}")
        if strange := [layer for layer in layers if not 0 <= layer <= self.depth]:
            raise OptionError(f"there is no layer {strange[0]}: expected 0 to {self.depth}")
        return [(crop, tuple(layers)) for crop in crops]

    @cached_property
    def _recent(self) -> Recent[tuple[tuple[int, ...], VisualTokens]]:
        return Recent()

    def _tokens(self, tasks: Sequence[tuple[RGB, tuple[int, ...]]]) -> list[VisualTokens]:
        names = [f"{self.dtype} {hashlib.sha256(crop.tobytes()).hexdigest()}" for crop, _ in tasks]
        known = [_chosen(self._recent.get(name), layers) for name, (_, layers) in zip(names, tasks, strict=True)]
        fresh = {name: task for name, task, one in zip(names, tasks, known, strict=True) if one is None}
        if not fresh:
            return [one for one in known if one is not None]
        crops, (layers, *_) = zip(*fresh.values(), strict=True)
        made = dict(zip(fresh, self._look(crops, layers), strict=True))
        for name, one in made.items():
            if is_finite(one):
                self._recent.put(name, (layers, one))
        return [made[name] if one is None else one for name, one in zip(names, known, strict=True)]

    @abstractmethod
    def _look(self, crops: Sequence[RGB], layers: Sequence[int]) -> list[VisualTokens]:
        """Of crops of ``side`` x ``side``, with the patch tokens after these layers."""


def _chosen(kept: tuple[tuple[int, ...], VisualTokens] | None, layers: tuple[int, ...]) -> VisualTokens | None:
    """What is kept, with the patch tokens of ``layers`` alone; None where it lacks some."""
    if kept is None or not set(layers) <= set(kept[0]):
        return None
    held, tokens = kept
    return tokens._replace(patches=tokens.patches[[held.index(layer) for layer in layers]])


class TextEncoder(Instrument):
    """Text -> vector of unit length; close ones mean alike."""

    kind = "text"
    width: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """N x width float32."""
        rows = self._batched(self._embed, texts)
        return np.stack(rows) if rows else np.zeros((0, self.width), np.float32)

    @abstractmethod
    def _embed(self, texts: Sequence[str]) -> list[Vectors]: ...

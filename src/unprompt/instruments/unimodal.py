"""Encoders of one kind of thing: what reads a picture layer by layer, and what reads a text, each in its own space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from unprompt.errors import NotFinite, OptionError
from unprompt.images import centre_square
from unprompt.instruments.base import Instrument, Vectors
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
    """Picture -> the tokens of every layer of a vision transformer."""

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

    @abstractmethod
    def _tokens(self, tasks: Sequence[tuple[RGB, tuple[int, ...]]]) -> list[VisualTokens]:
        """Of crops of one size, with the same layers each."""


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

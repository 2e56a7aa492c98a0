"""Format, size and hashes of one file of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from unprompt.evidence.alignment import Vector
from unprompt.evidence.trivial import metadata
from unprompt.images import perceptual_hash
from unprompt.types import Label, Picture, Sample, Split

SUFFIXES: Final = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".heic", ".heif"), "HEIF"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jpf"), "JPEG2000"),
    **{f".{name.lower()}": name for name in ("PNG", "WEBP", "AVIF", "GIF", "BMP")},
}
"""Suffix -> the format that it promises."""


@dataclass(frozen=True, eq=False)
class FileFacts:
    """The facts of a picture's file."""

    sha256: str
    pixels: str
    width: int
    height: int
    format: str
    quality: int | None
    hash: int = field(repr=False)
    """Perceptual hash, 64 bits."""
    features: Vector = field(repr=False)
    """4 + number of formats float32, those of the detector ``trivial-metadata``."""

    @classmethod
    def of(cls, picture: Picture) -> FileFacts:
        """All that is kept of a picture."""
        names = ("sha256", "pixels", "width", "height", "format", "quality")
        stated = {name: getattr(picture, name) for name in names}
        return cls(**stated, hash=perceptual_hash(picture.rgb), features=metadata(picture))


@dataclass(frozen=True, eq=False)
class Item:
    """A sample with the facts of its file, or with the error that took their place."""

    sample: Sample
    split: Split | None
    """The sample's own split, or the one that the workflows draw from its pixels; None when it cannot be read."""
    facts: FileFacts | None
    error: str | None = None

    @property
    def label(self) -> Label | None:
        """1 = generated, 0 = real."""
        return self.sample.label

    @property
    def misnamed(self) -> bool:
        """Whether the file's suffix promises another format than its bytes have."""
        promised = SUFFIXES.get(PurePath(self.sample.uri).suffix.lower())
        return self.facts is not None and promised not in (None, self.facts.format)

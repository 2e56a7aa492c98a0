"""Captioned pictures, and captions without their pictures; a tenth of the pictures is held out, whatever the folder."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from unprompt.errors import DataError

ONE_IN: Final = 10
"""One picture in so many is held out."""
LISTS: Final = ("grocery_products",)
"""Collections whose captions are names of goods: drawn a quarter as often as others."""


@dataclass(frozen=True)
class Captioned:
    """One picture with what people say of it."""

    uri: str
    captions: tuple[str, ...]
    collection: str

    @property
    def held_out(self) -> bool:
        """Whether nothing is learned from it; by the name of its file alone."""
        digest = hashlib.sha256(Path(self.uri).name.encode()).digest()
        return int.from_bytes(digest[:8], "big") % ONE_IN == 0

    @property
    def weight(self) -> float:
        """How often it is drawn in training."""
        return 0.25 if self.collection in LISTS else 1.0


def captioned(table: Path) -> list[Captioned]:
    """Lines of JSON with ``path``, beside the table or above it, ``captions`` and ``set``; DataError for others."""
    found = []
    for number, line in enumerate(table.read_text("utf-8").splitlines(), 1):
        try:
            row: dict[str, Any] = json.loads(line)
            path = next(at for at in (table.parent / row["path"], table.parent.parent / row["path"]) if at.is_file())
            found.append(Captioned(str(path), tuple(map(tidied, row["captions"])), row["set"]))
        except (ValueError, KeyError, TypeError, StopIteration) as error:
            raise DataError(
                f"{table}, line {number}: {type(error).__name__} {error}: got {line[:80]!r}, expected an object with "
                "the path of a picture, a list of captions, and a set"
            ) from error
    return found


def file_names(table: Path) -> set[str]:
    """Of the table's pictures, without what a name ends in: by it a picture is known among those to be measured."""
    return {Path(one.uri).stem for one in captioned(table)}


def only_texts(files: Sequence[Path], without: Collection[str]) -> list[tuple[str, ...]]:
    """What several people say of each picture of these files; without a picture of which a caption is in ``without``.

    Each file is gzipped JSON, an object of lists.
    """
    several: list[tuple[str, ...]] = []
    for file in files:
        told: dict[str, list[str]] = json.loads(gzip.decompress(file.read_bytes()))
        several += [tuple(map(tidied, captions)) for captions in told.values()]
    banned = set(without)
    return [captions for captions in several if not banned.intersection(captions)]


def tidied(text: str) -> str:
    """Lower case, single spaces, none before a mark and no full stop at the end, as all captions here are written.

    >>> tidied("A dog 's ball  on the grass .")
    "a dog's ball on the grass"
    """
    words = re.sub(r"\s+", " ", text.lower().strip())
    return re.sub(r" (['.,;:!?])", r"\1", words).rstrip(". ")

"""The pictures that the suite is trained and measured on: their sources, and the folds that leave them out.

The data are manifests (``path, label, source, content``) and, beside them, pictures that public packages carry, named
one by one in ``extra.csv.gz``: generated ones of newer models, and photographs and drawn backgrounds under free
licences.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from unprompt.datasets import load_manifest
from unprompt.errors import DataError
from unprompt.evidence.views import native
from unprompt.images import read
from unprompt.structured_text import read_toml
from unprompt.types import Picture, Sample

HERE: Final = Path(__file__).parent
EXTRA: Final = HERE / "extra.csv.gz"
UNSEEN: Final = -1
DRAWN: Final = "art"
"""Content of what people drew on a computer: real, but no photograph; no net learns from it."""


@dataclass(frozen=True)
class Photograph:
    """One picture of the data."""

    sample: Sample
    fold: int
    """The nets of this fold never saw its source; UNSEEN = no net learns from it, and the shipped panel judges it."""
    packed: bool = False
    """A public package carries it."""

    @property
    def uri(self) -> str:
        return self.sample.uri

    @property
    def key(self) -> str:
        """Its name in a cache: by its path, however that is spelt."""
        return hashlib.sha256(os.path.abspath(self.uri).encode()).hexdigest()

    @property
    def label(self) -> int:
        """1 = generated."""
        return int(self.sample.label or 0)

    @property
    def source(self) -> str:
        """Generator, or collection of a real picture."""
        return self.sample.generator

    def read(self) -> Picture:
        """Decoded by the package's one policy, and as large as the detectors see it."""
        picture = read(Path(self.uri).read_bytes(), self.uri)
        return replace(picture, rgb=native(picture.rgb))


@cache
def _table() -> list[dict[str, list[str]]]:
    return list(read_toml(HERE / "folds.toml")["fold"])


def folds() -> dict[str, int]:
    """Source -> the fold that judges it."""
    rows = enumerate(_table())
    return {source: number for number, row in rows for source in (*row["generators"], *row["collections"])}


def photographs(manifests: Sequence[str], packages: Path | None = None) -> list[Photograph]:
    """The manifests' pictures and, with ``packages``, a folder of unpacked packages, those of ``extra.csv.gz``.

    DataError for a source that no fold holds, a picture without a label, or a package's picture that is not there or
    not the one that was named.
    """
    known = folds()
    given = [_placed(sample, known) for manifest in manifests for sample in load_manifest(manifest)]
    packed = [] if packages is None else [_placed(sample, known) for sample in _packed(packages)]
    return given + [replace(one, packed=True) for one in packed]


def _placed(sample: Sample, known: dict[str, int]) -> Photograph:
    if sample.label is None:
        raise DataError(f"{sample.uri} has no label, expected 0 or 1: complete the manifest")
    if sample.content == DRAWN:
        return Photograph(sample, UNSEEN)
    if sample.generator not in known:
        raise DataError(
            f"{sample.uri} is of {sample.generator!r}, which no fold holds, expected one of "
            f"{', '.join(sorted(known))}: add it to {HERE / 'folds.toml'}, beside the generators of its family"
        )
    return Photograph(sample, known[sample.generator])


def packed_rows() -> list[dict[str, str]]:
    """The packages' pictures: path, sha256, label, source, content."""
    return list(csv.DictReader(gzip.decompress(EXTRA.read_bytes()).decode("utf-8").splitlines()))


def _packed(folder: Path) -> Iterator[Sample]:
    for row in packed_rows():
        path = folder / row["path"]
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "nothing"
        if found != row["sha256"]:
            raise DataError(
                f"{path} holds {found[:12]}, expected {row['sha256'][:12]}: unpack the packages as docs/photo.md says"
            )
        yield replace(Sample(os.fspath(path), 1 if row["label"] == "1" else 0, row["source"]), content=row["content"])


def learned(rows: Sequence[Photograph], without: int) -> list[Photograph]:
    """What the nets of a fold are trained on: the pictures of all other folds, without the fold's mixtures."""
    mixtures = _table()[without].get("mixtures", ())
    return [one for one in rows if one.fold not in (UNSEEN, without) and one.source not in mixtures]

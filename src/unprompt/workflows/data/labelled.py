"""Stored evidence with its labels, joined from one store or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unprompt.detectors.base import Detector, Model
from unprompt.detectors.methods.panel import Panel
from unprompt.errors import DataError, StoreError
from unprompt.evidence.base import rows_by_shard
from unprompt.evidence.sequence import ShardPart, StoredEvidence
from unprompt.instruments import Suite
from unprompt.store import Store, place
from unprompt.store.table_cache import BUDGET, TableCache
from unprompt.types import GENERATED, REAL, Label, Split
from unprompt.workflows.data.splits import in_split

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Evidence of one split, in the order of its store; every sequence has one entry a picture."""

    evidence: Sequence[Any]
    labels: list[Label]
    generators: list[str]
    pixels: list[str]
    originals: list[str]
    """``pixels`` before a perturbation: equal for copies."""

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, places: Sequence[int]) -> Labelled:
        """The pictures at these places; stored evidence is not read."""
        evidence = self.evidence
        chosen = evidence.subset(places) if isinstance(evidence, StoredEvidence) else [evidence[i] for i in places]
        columns = (
            [column[i] for i in places] for column in (self.labels, self.generators, self.pixels, self.originals)
        )
        return Labelled(chosen, *columns)  # type: ignore[arg-type]


def stores(folders: str | Path | Sequence[str | Path]) -> list[Store]:
    """The stores in one folder or several."""
    several = [folders] if isinstance(folders, (str, Path)) else folders
    return [Store(place(folder)) for folder in several]


def suite_of(folders: Sequence[Store], methods: Sequence[str]) -> str:
    """Name or path of the suite that made the evidence of the first of ``methods`` that is there."""
    for store in folders:
        for method in methods:
            if has_view(store, method):
                return store.read_view(method).suite
    return folders[0].read_view(methods[0]).suite


def dtypes_of(folders: Sequence[Store], fitted: Model[Any, Any]) -> list[str]:
    """Numbers that the models ran in which made a method's evidence, as bfloat16; float32 where no model did."""
    views = [(store, store.read_view(name)) for name in methods_of(fitted) for store in stores_with(folders, name)]
    return sorted({store.dtype(view) or "float32" for store, view in views})


def methods_of(fitted: Model[Any, Any]) -> list[str]:
    """The methods whose evidence a head takes: its own, or a panel's members'."""
    return [one.extractor.method for one in (fitted.members if isinstance(fitted, Panel) else [fitted])]


def gathered(
    folders: Sequence[Store],
    fitted: Model[Any, Any],
    suite: Suite,
    split: Split,
    generators: Sequence[str] | None = None,
) -> Labelled:
    """The labelled evidence of one split, from every store that has some of this method.

    With ``generators`` the generated pictures are those of these generators alone. Raises StoreError when no store
    has evidence of the method, DataError for a generator that drew none of the pictures.
    """
    extractor = fitted.extractor
    having = stores_with(folders, extractor.method)
    if generators is not None:
        _check_names(having, generators)
    parts: list[ShardPart] = []
    labelled = Labelled(StoredEvidence(extractor, suite, ()), [], [], [], [])
    for store in having:
        view = store.read_view(extractor.method)
        for shard, rows in rows_by_shard(store):
            chosen = [
                row
                for row in rows
                if in_split(row, split)
                and (generators is None or row["label"] == REAL or row["generator"] in generators)
            ]
            if chosen:
                parts.append(ShardPart(store, view, shard, tuple(row["uri"] for row in chosen)))
                labelled.labels.extend(row["label"] for row in chosen)
                labelled.generators.extend(row["generator"] for row in chosen)
                labelled.pixels.extend(row["pixels"] for row in chosen)
                labelled.originals.extend(row["original"] or row["pixels"] for row in chosen)
    # What is not shuffled is gone through in order, and needs no more than the tables at hand.
    tables = TableCache(BUDGET if split == "train" else BUDGET // 16)
    return replace(labelled, evidence=StoredEvidence(extractor, suite, parts, tables=tables))


def joined(
    folders: Sequence[Store],
    detector: Detector[Any, Any],
    suite: Suite,
    split: Split,
    generators: Sequence[str] | None = None,
) -> Labelled:
    """As :func:`gathered`; DataError when a class is missing."""
    labelled = gathered(folders, detector, suite, split, generators)
    real, generated = (labelled.labels.count(label) for label in (REAL, GENERATED))
    if not (real and generated):
        places = ", ".join(str(store.root) for store in folders)
        raise DataError(
            f"the {split} split of {places} has {real} real and {generated} generated pictures, expected some of each: "
            "label them by folder names or a manifest, and extract again"
        )
    return labelled


def member_logits(
    folders: Sequence[Store],
    members: Sequence[Detector[Any, Any]],
    suite: Suite,
    split: Split,
    generators: Sequence[str] | None = None,
) -> tuple[Floats, Labelled]:
    """N x members logits of the pictures that every member has evidence of, joined by ``pixels``."""
    each = [joined(folders, member, suite, split, generators) for member in members]
    logits = [
        dict(zip(one.pixels, member.logits(one.evidence), strict=True))
        for one, member in zip(each, members, strict=True)
    ]
    first = each[0]
    kept = [i for i, pixels in enumerate(first.pixels) if all(pixels in column for column in logits)]
    columns = (first.labels, first.generators, first.pixels, first.originals)
    shared = Labelled([], *([column[i] for i in kept] for column in columns))  # type: ignore[arg-type]
    return np.array([[column[pixels] for column in logits] for pixels in shared.pixels]), shared


def sample_rows(folders: Sequence[Store]) -> Iterator[dict[str, Any]]:
    """The current sample rows of all stores, of which one shard is in memory at a time."""
    for store in folders:
        for _, table in store.current():
            yield from table.to_pylist()


def logits_of(
    folders: Sequence[Store], detector: Detector[Any, Any], suite: Suite, split: Split
) -> tuple[Floats, Labelled]:
    """N logits of a detector, or of a panel from its members' evidence, with the pictures that they are of."""
    if isinstance(detector, Panel):
        features, labelled = member_logits(folders, detector.members, suite, split)
        return detector.combined(features), labelled
    labelled = joined(folders, detector, suite, split)
    return detector.logits(labelled.evidence), labelled


def failures(folders: Sequence[Store], split: Split) -> tuple[list[Label], list[str]]:
    """Labels and generators of the labelled pictures of one split that could not be read."""
    failed = [row for row in sample_rows(folders) if row["status"] == "error" and in_split(row, split)]
    return [row["label"] for row in failed], [row["generator"] for row in failed]


def _check_names(folders: Sequence[Store], generators: Sequence[str]) -> None:
    there = sorted({row["generator"] for row in sample_rows(folders) if row["label"] == GENERATED and row["generator"]})
    for name in generators:
        if name not in there:
            raise DataError(f"--generators names {name!r}, the generated pictures are by {', '.join(there) or 'none'}")


def stores_with(folders: Sequence[Store], method: str) -> list[Store]:
    """Those that hold evidence of the method; without any the first, whose view then raises StoreError."""
    return [store for store in folders if has_view(store, method)] or list(folders[:1])


def has_view(store: Store, method: str) -> bool:
    """Whether the store holds sound evidence of the method."""
    try:
        store.read_view(method)
    except StoreError:
        return False
    return True

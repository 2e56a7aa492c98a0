"""What a figure is drawn from: stores, checkpoints, results, and which of their pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unprompt.errors import DataError, OptionError
from unprompt.evidence.base import Extractor, rows_by_shard
from unprompt.instruments import Suite
from unprompt.store import Store
from unprompt.types import Split
from unprompt.workflows.data.labelled import has_view, stores_with, suite_of
from unprompt.workflows.data.splits import in_split

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class FigureInputs:
    """What a figure is drawn from."""

    folders: Sequence[Store] = ()
    checkpoints: Sequence[Path] = ()
    results: Sequence[Path] = ()
    method: str | None = None
    suite: str | Path | None = None
    split: Split = "test"
    metric: str = "auc"
    pictures: int = 2000
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    max_minutes: float | None = 5.0

    def loaded(self, *methods: str) -> Suite:
        """The suite that is chosen, or that made the evidence of one of these methods."""
        name = self.suite if self.suite is not None else suite_of(self.folders, methods)
        return Suite.load(name, self.device, self.dtype)

    def named(self, *methods: str) -> str:
        """The method that is chosen, or the first of these that there is evidence of."""
        if self.method is not None:
            if self.method not in methods:
                raise OptionError(f"--method is {self.method!r}, expected one of {', '.join(methods)}")
            return self.method
        there = (name for name in methods for store in self.folders if has_view(store, name))
        return next(there, methods[0])


def shards_of(inputs: FigureInputs, method: str) -> Iterator[tuple[Store, int, Rows]]:
    """Shard by shard the labelled pictures of the split, each once; DataError when there is none."""
    seen: set[tuple[int, str]] = set()
    for store in stores_with(inputs.folders, method):
        store.read_view(method)  # raises StoreError where it is missing
        for shard, rows in rows_by_shard(store):
            chosen = []
            for row in rows:
                key = (row["label"], row["original"] or row["pixels"])
                if in_split(row, inputs.split) and key not in seen:
                    seen.add(key)
                    chosen.append(row)
            if chosen:
                yield store, shard, chosen
    if not seen:
        places = ", ".join(str(store.root) for store in inputs.folders)
        raise DataError(f"{places}: no labelled picture in the {inputs.split} split, expected some: name a --split")


def evidence_of(
    inputs: FigureInputs, extractor: Extractor[Any], suite: Suite, most: int | None = None
) -> tuple[Rows, list[Any]]:
    """Rows and evidence; of more than ``most`` pictures those with the lowest hashes."""
    shards = list(shards_of(inputs, extractor.method))
    if most is not None:
        every = sorted((row for *_, rows in shards for row in rows), key=lambda row: str(row["pixels"]))
        kept = {id(row) for row in every[:most]}
        shards = [(store, shard, [row for row in rows if id(row) in kept]) for store, shard, rows in shards]
    chosen: Rows = []
    evidence: list[Any] = []
    for store, shard, rows in shards:
        if rows:
            chosen += rows
            evidence += extractor.load_shard(store, store.read_view(extractor.method), shard, suite, rows)
    return chosen, evidence

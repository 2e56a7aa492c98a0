"""Which sample belongs to which part: fixed shards, so that stored bytes do not depend on interruptions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from unprompt.images import file_of
from unprompt.store.schema import PLAN
from unprompt.types import Sample

PART = 32
"""Samples a part holds at most. A part is also the batch, so that its bytes do not depend on the engine."""

State = tuple[int | None, int | None]
"""Bytes and mtime_ns of a file; two None when there is no file."""


@dataclass(frozen=True)
class Planned:
    """One row of the plan: a sample, the state of its file when planned, and its part."""

    sample: Sample
    bytes: int | None
    mtime_ns: int | None
    part: int


@dataclass(frozen=True)
class Part:
    """The unit of work: a number and at most PART rows, the same ones in the same order for ever."""

    index: int
    rows: tuple[Planned, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(row.sample for row in self.rows)


def part_file(index: int) -> str:
    """Name of the file of part ``index``, on every shelf."""
    return f"part-{index:05d}.parquet"


def look(uri: str) -> State:
    """State of the file at ``uri``."""
    try:
        found = os.stat(file_of(uri))
    except (OSError, ValueError):  # ValueError: a name that no file system takes
        return None, None
    return found.st_size, found.st_mtime_ns


def extend(
    planned: Sequence[Planned], samples: Iterable[Sample], state: Callable[[str], State] = look
) -> list[Planned]:
    """Rows to append to ``planned`` so that it covers ``samples``; none when it does.

    A new or changed file goes to a new part; an unchanged one whose label, generator or split is told anew
    keeps its part, since its pixels do.
    """
    latest = {row.sample.uri: row for row in planned}
    told, fresh = [], []
    for sample in {sample.uri: sample for sample in samples}.values():
        known, found = latest.get(sample.uri), state(sample.uri)
        if known is None or (known.bytes, known.mtime_ns) != found:
            fresh.append((sample, found))
        elif known.sample != sample:
            told.append(Planned(sample, *found, known.part))
    first = 1 + max((row.part for row in planned), default=-1)
    return told + [Planned(sample, *found, first + place // PART) for place, (sample, found) in enumerate(fresh)]


def parts(planned: Sequence[Planned], samples: Iterable[Sample] | None = None) -> list[Part]:
    """The parts of ``planned`` in order, or those alone that hold the latest state of one of ``samples``."""
    rows: dict[int, dict[str, Planned]] = {}
    for row in planned:
        rows.setdefault(row.part, {})[row.sample.uri] = row
    wanted = set(rows)
    if samples is not None:
        latest = {row.sample.uri: row.part for row in planned}
        wanted = {latest[sample.uri] for sample in samples}
    return [Part(index, tuple(rows[index].values())) for index in sorted(wanted)]


def to_table(planned: Sequence[Planned]) -> pa.Table:
    """The plan as a table of schema PLAN."""
    return pa.Table.from_pylist([index_cells(row) | {"part": row.part} for row in planned], PLAN)


def from_table(table: pa.Table) -> list[Planned]:
    """The plan that ``to_table`` wrote."""
    return [
        Planned(
            Sample(row["uri"], row["label"], row["generator"], row["split"]),
            row["bytes"],
            row["mtime_ns"],
            row["part"],
        )
        for row in table.to_pylist()
    ]


def index_cells(row: Planned) -> dict[str, object]:
    """The columns that the plan and the samples share."""
    sample = row.sample
    return {
        "uri": sample.uri,
        "bytes": row.bytes,
        "mtime_ns": row.mtime_ns,
        "label": sample.label,
        "generator": sample.generator,
        "split": sample.split,
    }

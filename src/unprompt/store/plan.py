"""Which sample belongs to which shard: fixed ones, so that stored bytes do not depend on interruptions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from unprompt.images import file_of
from unprompt.store.object_path import ObjectPath
from unprompt.store.places import Place, file_sizes
from unprompt.store.schema import PLAN
from unprompt.types import Sample

SHARD_SIZE = 32
"""Samples a shard holds at most. A shard is also the batch, so that its bytes do not depend on the engine."""

CHUNK = 65_536
"""Samples that are compared with the plan at a time, so that memory does not grow with their number."""

_FILE = re.compile(r"part-(\d{5,})\.parquet")

State = tuple[int | None, int | None]
"""Bytes and mtime_ns of a file; two None when there is no file."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One row of the plan: a sample, the state of its file when planned, and its shard's number."""

    sample: Sample
    bytes: int | None
    mtime_ns: int | None
    shard: int


@dataclass(frozen=True)
class Shard:
    """The unit of work: a number and at most SHARD_SIZE rows, the same ones in the same order for ever."""

    index: int
    rows: tuple[Planned, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(row.sample for row in self.rows)


def shard_file(index: int) -> str:
    """Name of the file of shard ``index``, among the samples and in every product table."""
    return f"part-{index:05d}.parquet"


def shard_numbers(folder: Place) -> frozenset[int]:
    """Numbers of the shards that have a file in ``folder``; temporary files of other runs are none."""
    if isinstance(folder, ObjectPath):
        return frozenset(shard_sizes(folder))
    try:
        with os.scandir(folder) as found:
            names = [_FILE.fullmatch(entry.name) for entry in found]
    except FileNotFoundError:
        return frozenset()
    return frozenset(int(match[1]) for match in names if match)


def shard_sizes(folder: Place) -> dict[int, int]:
    """Of these shards the bytes of their files, by one listing."""
    matches = ((_FILE.fullmatch(name), size) for name, size in file_sizes(folder).items())
    return {int(match[1]): size for match, size in matches if match}


def file_state(uri: str) -> State:
    """State of the file at ``uri``."""
    try:
        found = os.stat(file_of(uri))
    except (OSError, ValueError):  # ValueError: a name that no file system takes
        return None, None
    return found.st_size, found.st_mtime_ns


@dataclass(frozen=True)
class Survey:
    """What the plan lacks of some samples."""

    known: frozenset[int]
    """Numbers of the shards that hold samples which did not change."""
    relabelled: Sequence[Planned]
    """Of these the samples with another label, generator or split than before."""
    fresh: Collection[tuple[Sample, State]]
    """New or changed files."""
    first: int
    """Number of the next shard."""

    def rows(self) -> Iterator[Planned]:
        """To append, so that the plan covers the samples; none when it does."""
        yield from self.relabelled
        for place, (sample, state) in enumerate(self.fresh):
            yield Planned(sample, *state, self.first + place // SHARD_SIZE)

    @property
    def shards(self) -> frozenset[int]:
        """Numbers of the shards that then hold the samples' latest states."""
        return self.known.union(range(self.first, self.first + -(-len(self.fresh) // SHARD_SIZE)))


def survey(
    find: Callable[[Sequence[str]], Mapping[str, Planned]],
    first: int,
    samples: Iterable[Sample],
    state: Callable[[str], State] = file_state,
) -> Survey:
    """Compare ``samples`` with the plan, of which ``find`` gives the latest rows of some uris, ``CHUNK`` at a time.

    A new or changed file goes to a new shard, from number ``first`` on; an unchanged one with another label, generator
    or split keeps its shard, since its pixels do.
    """
    relabelled: dict[str, Planned] = {}
    fresh: dict[str, tuple[Sample, State]] = {}
    shards: set[int] = set()
    rest = iter(samples)
    while asked := {sample.uri: sample for sample in islice(rest, CHUNK)}:
        latest = find(list(asked))
        for uri, sample in asked.items():
            known, found = latest.get(uri), state(uri)
            relabelled.pop(uri, None)  # of a sample that is given twice the last word counts
            if known is None or (known.bytes, known.mtime_ns) != found:
                fresh[uri] = sample, found
            else:
                shards.add(known.shard)
                if known.sample != sample:
                    relabelled[uri] = Planned(sample, *found, known.shard)
    return Survey(frozenset(shards), tuple(relabelled.values()), fresh.values(), first)


def to_table(planned: Sequence[Planned]) -> pa.Table:
    """The plan as a table of schema PLAN."""
    return pa.Table.from_pylist([index_cells(row) | {"part": row.shard} for row in planned], PLAN)


def from_table(table: pa.Table) -> list[Planned]:
    """The plan that ``to_table`` wrote."""
    columns = (table[name].to_pylist() for name in PLAN.names)
    return [
        Planned(Sample(uri, label, generator, split), size, mtime_ns, shard)
        for uri, size, mtime_ns, label, generator, split, shard in zip(*columns, strict=True)
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

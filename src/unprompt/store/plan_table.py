"""The plan as a file, read a piece at a time: what is in memory does not grow with its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from unprompt.store.object_path import ObjectPath
from unprompt.store.parquet import GROUP, Groups, read_tables, write_tables
from unprompt.store.places import Place
from unprompt.store.plan import Planned, Shard, Survey, from_table, survey, to_table
from unprompt.store.schema import PLAN
from unprompt.types import Sample

_LOST_PLAN = "without its plan a store cannot grow: extract into a new folder with another --out"


@dataclass(frozen=True)
class PlanTable:
    """The rows of the file ``path`` in the order in which they were planned; no file is a plan without rows."""

    path: Place

    def survey(self, samples: Iterable[Sample]) -> Survey:
        """What the plan lacks of ``samples``."""
        return survey(self.latest, 1 + max(self.numbers(), default=-1), samples)

    def extended(self, samples: Iterable[Sample]) -> Survey:
        """Append what the plan lacks of ``samples``, and return what that was."""
        found = self.survey(samples)
        if any(found.rows()):
            self.append(found.rows())
        return found

    def pinned(self) -> PlanTable:
        """The same; it can be appended to as long as no other process does (see :meth:`ObjectPath.pinned`)."""
        return PlanTable(self.path.pinned()) if isinstance(self.path, ObjectPath) else self

    def append(self, rows: Iterable[Planned]) -> None:
        """Store the plan with ``rows`` after those that are there."""
        rest = iter(rows)
        pieces = iter(lambda: to_table(list(islice(rest, GROUP))), PLAN.empty_table())
        write_tables(self.path, _regrouped(chain(self._tables(), pieces)), PLAN)

    def latest(self, uris: Collection[str]) -> dict[str, Planned]:
        """The last row of each of ``uris`` that was planned.

        Quick when they lie close together in the order of names, as those of a folder's index do.
        """
        import pyarrow.compute as pc  # takes longer to import than a verdict may wait, and that asks no plan

        low, high, asked = min(uris), max(uris), pa.array(uris, pa.string())
        found: dict[str, Planned] = {}
        for table in self._tables(lambda footer: _overlapping(footer, low, high)):
            for row in from_table(table.filter(pc.is_in(table["uri"], asked))):
                found[row.sample.uri] = row
        return found

    def numbers(self) -> set[int]:
        """The numbers of all shards."""
        return {number for table in self._tables() for number in table["part"].unique().to_pylist()}

    def shards(self, numbers: Collection[int]) -> Iterator[Shard]:
        """The shards with these numbers, whole and in order."""
        relabelled: dict[int, dict[str, Planned]] = {}
        for row in self._rows(numbers, own=False):
            relabelled.setdefault(row.shard, {})[row.sample.uri] = row
        for number, rows in groupby(self._rows(numbers, own=True), key=lambda row: row.shard):
            whole = {row.sample.uri: row for row in rows} | relabelled.get(number, {})
            yield Shard(number, tuple(whole.values()))

    def repeated(self, numbers: Collection[int]) -> dict[str, int]:
        """Of the uris that lie in several of these shards, since their files were changed, the last one's number."""
        hashes = np.sort(np.concatenate([np.zeros(0, np.int64), *map(_hashes, self._own(numbers))]))
        twice = hashes[1:][hashes[1:] == hashes[:-1]]
        last: dict[str, int] = {}
        for table in self._own(numbers) if twice.size else ():
            again = table.filter(pa.array(np.isin(_hashes(table), twice)))
            last |= zip(again["uri"].to_pylist(), again["part"].to_pylist(), strict=True)
        return last

    def _rows(self, numbers: Collection[int], own: bool) -> Iterator[Planned]:
        for table in self._own(numbers, own):
            yield from from_table(table)

    def _own(self, numbers: Collection[int], own: bool = True) -> Iterator[pa.Table]:
        """The rows by which some shards were planned; with ``own=False`` the later ones that relabel their samples.

        Numbers of shards rise; a row with a lower one than another before it relabels a sample.
        """
        high, asked = -1, np.array(sorted(numbers), np.int32)
        for table in self._tables():
            parts = table["part"].to_numpy()
            reached = np.maximum.accumulate(np.append(high, parts))
            yield table.filter(pa.array(((parts == reached[1:]) == own) & np.isin(parts, asked)))
            high = int(reached[-1])

    def _tables(self, groups: Groups | None = None) -> Iterator[pa.Table]:
        return read_tables(self.path, PLAN, _LOST_PLAN, groups)


@dataclass(frozen=True)
class Shards:
    """Some shards of a plan, in order, which are read when they are asked for."""

    plan: PlanTable
    numbers: tuple[int, ...]

    def __iter__(self) -> Iterator[Shard]:
        return self.plan.shards(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def only(self, wanted: Collection[int]) -> Shards:
        """Those with a wanted number."""
        return Shards(self.plan, tuple(number for number in self.numbers if number in wanted))


def _overlapping(footer: pq.FileMetaData, low: str, high: str) -> list[int]:
    """Row groups that may hold a uri from ``low`` to ``high``."""
    column = PLAN.names.index("uri")
    statistics = [footer.row_group(number).column(column).statistics for number in range(footer.num_row_groups)]
    return [
        number
        for number, uris in enumerate(statistics)
        if uris is None or not uris.has_min_max or (uris.min <= high and low <= uris.max)
    ]


def _hashes(table: pa.Table) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, table["uri"].to_pylist()), np.int64, len(table))


def _regrouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of ``GROUP``, but for the last."""
    held = PLAN.empty_table()
    for table in tables:
        held = pa.concat_tables([held, table])
        while held.num_rows >= GROUP:
            yield held.slice(0, GROUP)
            held = held.slice(GROUP)
    if held.num_rows:
        yield held

"""Stored evidence of any number of pictures as a sequence, of which a few shards are in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from unprompt.evidence.base import Extractor, ok_rows
from unprompt.store import EvidenceView, Store
from unprompt.store.table_cache import TableCache

if TYPE_CHECKING:
    from unprompt.instruments import Suite

E = TypeVar("E")
Index = npt.NDArray[np.int64]
AHEAD: Final = 256
"""Pictures that are decoded at a time where all are gone through."""


@dataclass(frozen=True)
class ShardPart:
    """Some pictures of one shard."""

    store: Store
    view: EvidenceView
    shard: int
    uris: tuple[str, ...]


class StoredEvidence(Sequence[E], Generic[E]):
    """One evidence a picture, read when it is asked for; a slice is such a sequence again and reads nothing."""

    def __init__(
        self,
        extractor: Extractor[E],
        suite: Suite,
        parts: Sequence[ShardPart],
        index: Index | None = None,
        tables: TableCache | None = None,
    ) -> None:
        self._extractor, self._suite, self._parts = extractor, suite, tuple(parts)
        self._starts = np.cumsum([0, *(len(part.uris) for part in self._parts)])
        self._index = np.arange(self._starts[-1]) if index is None else index
        self.tables = tables or TableCache()

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, place: int) -> E: ...
    @overload
    def __getitem__(self, place: slice) -> StoredEvidence[E]: ...
    def __getitem__(self, place: int | slice) -> E | StoredEvidence[E]:
        if isinstance(place, slice):
            return self._of(self._index[place])
        return self.take([range(len(self))[place]])[0]

    def __iter__(self) -> Iterator[E]:
        for start in range(0, len(self), AHEAD):
            yield from self.take(range(start, min(start + AHEAD, len(self))))

    def subset(self, places: Sequence[int]) -> StoredEvidence[E]:
        """The pictures at these places, in this order; reads nothing."""
        return self._of(self._index[np.asarray(places, np.int64)])

    def unkept(self) -> StoredEvidence[E]:
        """The same for going through once: of the tables that are read, none is kept."""
        return StoredEvidence(self._extractor, self._suite, self._parts, self._index, TableCache(0))

    def take(self, places: Sequence[int] | Index) -> list[E]:
        """The evidence at these places, in this order; each shard is gone to once."""
        rows = self._index[np.asarray(places, np.int64)]
        owners = np.searchsorted(self._starts, rows, side="right") - 1
        found: list[E | None] = [None] * len(rows)
        order = np.argsort(owners, kind="stable").tolist()
        for owner, group in groupby(order, key=lambda at: int(owners[at])):
            wanted = list(group)
            loaded = self._load(self._parts[owner], [int(rows[at] - self._starts[owner]) for at in wanted])
            for at, one in zip(wanted, loaded, strict=True):
                found[at] = one
        return cast("list[E]", found)

    def shuffled(self, rng: np.random.Generator) -> Index:
        """An order of all places.

        A plain permutation where the stored tables fit into memory together; else the shards are permuted, and the
        pictures within as many shards as fit at a time, so that each shard is read once an epoch.
        """
        window = self._window()
        owners = np.searchsorted(self._starts, self._index, side="right") - 1
        present = np.unique(owners)
        if window >= len(present):
            return rng.permutation(len(self))
        places = np.argsort(owners, kind="stable")
        pieces = dict(zip(present.tolist(), np.split(places, np.flatnonzero(np.diff(owners[places])) + 1), strict=True))
        shards = rng.permutation(present).tolist()
        windows = [shards[start : start + window] for start in range(0, len(shards), window)]
        return np.concatenate([rng.permutation(np.concatenate([pieces[one] for one in some])) for some in windows])

    def _window(self) -> int:
        """Shards whose tables fill half of the memory that there is for tables."""
        tables = {(part.store, tuple(part.view.products.values())) for part in self._parts}
        sizes = {key: key[0].shard_bytes(key[1]) for key in tables}
        total = sum(sizes[part.store, tuple(part.view.products.values())][part.shard] for part in self._parts)
        return max(1, int(self.tables.budget / 2 * len(self._parts) / max(1, total)))

    def _load(self, part: ShardPart, places: Sequence[int]) -> list[E]:
        key = (part.store.root, part.shard)
        table = self.tables.read(key, lambda: part.store.read_shard(part.shard))
        rows = {row["uri"]: row for row in ok_rows(part.store, part.shard, table)}
        chosen = [rows[part.uris[place]] for place in places]
        return self._extractor.load_shard(part.store, part.view, part.shard, self._suite, chosen, tables=self.tables)

    def _of(self, index: Index) -> StoredEvidence[Any]:
        return StoredEvidence(self._extractor, self._suite, self._parts, index, self.tables)

"""Whether every file of a store is what was written, and whether the files agree with each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from unprompt.errors import StoreError
from unprompt.store.notes import check_note
from unprompt.store.object_path import ObjectPath
from unprompt.store.parquet import check_file
from unprompt.store.places import Place, ahead, matching
from unprompt.store.plan import Shard, shard_file, shard_numbers
from unprompt.store.product_table import ProductTable, recipe_file
from unprompt.store.store import Store

log = logging.getLogger(__name__)

Found = TypeVar("Found")
AGAIN = "delete this file and run the same command again"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one file."""

    file: str
    """Relative to the store, with slashes."""
    shard: int | None
    what: str
    """What was got, what was expected, what to do."""


@dataclass(frozen=True)
class Verification:
    """All that ``unprompt evidence verify`` reports."""

    folder: str
    files: int
    bytes: int
    without_checksum: int
    """Files written before there were checksums: of these what readers pass over was not looked at."""
    problems: tuple[Problem, ...]


def verify_store(store: Store) -> Verification:
    """Read every file of the store whole, one shard in memory at a time; of an object store some more."""
    found = _Verifier(store)
    tables = found.product_tables()

    def read(shard: Shard) -> _Verifier:
        one = _Verifier(store)
        one.shard(shard, tables)
        return one

    for count, one in enumerate(ahead(read, found.shards(tables), store.root), 1):
        found.add(one)
        if count % 1000 == 0:
            log.info(f"{count} shards read")
    return Verification(str(store.root), found.files, found.bytes, found.without_checksum, tuple(found.problems))


class _Verifier:
    def __init__(self, store: Store) -> None:
        self.store, self.problems = store, list[Problem]()
        self.files = self.bytes = self.without_checksum = 0

    def add(self, other: _Verifier) -> None:
        """What another found too."""
        self.problems += other.problems
        self.files, self.bytes = self.files + other.files, self.bytes + other.bytes
        self.without_checksum += other.without_checksum

    def product_tables(self) -> list[ProductTable]:
        """Look at views, notes of noise samples and recipes; the product tables whose recipes are sound."""
        root = self.store.root
        for path in matching(root / "draws", "*.json"):
            self._read(path, None, self.store.read_noise_samples, path.stem)
        for path in matching(root / "evidence", "*.json"):
            view = self._read(path, None, self.store.read_view, path.stem)
            for name in view.products.values() if view else ():
                if not (root / "products" / name).is_dir() and self._has_pictures():
                    self._report(path, None, f"names the product table {name}, which is not there: {AGAIN}")
        tables = (
            self._read(recipe_file(root / "products" / name), None, self.store.open_product_table, name)
            for name in self.store.product_names()
        )
        return [table for table in tables if table is not None]

    def shards(self, tables: list[ProductTable]) -> Iterable[Shard]:
        """Those of the plan; when it is damaged, those that have a file, without their rows."""
        stored = self.store.shards_read().union(*(table.shards() for table in tables))
        planned = self._read(self.store.root / "plan.parquet", None, self.store.shards)
        if planned is None:
            return [Shard(number, ()) for number in sorted(stored)]
        for folder in (self.store.root / "samples", *(table.folder for table in tables)):
            for number in sorted(shard_numbers(folder).difference(planned.numbers)):
                self._report(folder / shard_file(number), number, "is of no shard of the plan: delete this file")
        return planned

    def shard(self, shard: Shard, tables: list[ProductTable]) -> None:
        """Compare the samples of one shard with the plan, and its file in every product table with the samples."""
        path = self.store.root / "samples" / shard_file(shard.index)
        samples = self._read(path, shard.index, self.store.read_shard, shard.index)
        if samples is not None:
            stored = list(zip(*(samples[name].to_pylist() for name in ("uri", "bytes", "mtime_ns")), strict=True))
            if shard.rows and stored != [(row.sample.uri, row.bytes, row.mtime_ns) for row in shard.rows]:
                got, expected = len(stored), len(shard.rows)
                self._report(path, shard.index, f"got {got} other samples than the {expected} planned: {AGAIN}")
        for one in tables:
            path = one.folder / shard_file(shard.index)
            table = self._read(path, shard.index, one.read, shard.index)
            if table is not None and samples is not None:
                self._compare(path, shard.index, table, samples, some=bool(one.recipe.noise))

    def _compare(self, path: Place, shard: int, products: pa.Table, samples: pa.Table, some: bool) -> None:
        """The pictures of a product's file with those of the shard.

        A further noise sample has ``some`` of them; whether one that has become an error is among them does not matter.
        """
        stored, rows = products["pixels"].to_pylist(), samples.select(["pixels", "status"]).to_pylist()
        pixels = [row["pixels"] for row in rows if row["pixels"] is not None]
        needed = {row["pixels"] for row in rows if row["status"] == "ok" and not some}
        there = set(stored)
        if stored != [one for one in pixels if one in there] or needed - there:
            lacking, strange = len(needed - there), len(there.difference(pixels))
            self._report(
                path,
                shard,
                f"got {len(stored)} rows for {len(pixels)} pictures ({lacking} lacking, {strange} of no picture of "
                f"this shard): {AGAIN}",
            )

    def _has_pictures(self) -> bool:
        """Whether a shard has a row that is no error; without one there are no products."""
        try:
            tables = (self.store.read_shard(shard) for shard in sorted(self.store.shards_read()))
            return any(table is not None and "ok" in table["status"].to_pylist() for table in tables)
        except StoreError:  # which is told of its own shard
            return True

    def _read(self, path: Place, shard: int | None, read: Callable[..., Found | None], *given: object) -> Found | None:
        """What ``read`` makes of a file, and None when that is wrong or nothing; its checksum is looked at too."""
        size = path.size() if isinstance(path, ObjectPath) else path.stat().st_size if path.is_file() else None
        there = size is not None
        if size is not None:
            self.files, self.bytes = self.files + 1, self.bytes + size
        try:
            found = read(*given)
            if there and path.suffix == ".json":
                check_note(path)
            self.without_checksum += there and path.suffix == ".parquet" and not check_file(path)
        except StoreError as error:
            self._report(path, shard, str(error.args[0] if error.path == path else error))
            return None
        return found

    def _report(self, path: Place, shard: int | None, what: str) -> None:
        self.problems.append(Problem(path.relative_to(str(self.store.root)).as_posix(), shard, what))

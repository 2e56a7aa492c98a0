"""Whether every file of a store is what was written, and whether the files agree with each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from unprompt.errors import StoreError
from unprompt.store.files import check_file, check_note
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
    """Relative to the store."""
    shard: int | None
    what: str
    """What was got, what was expected, what to do."""


@dataclass(frozen=True)
class Verification:
    """All that ``unprompt evidence verify`` tells."""

    folder: str
    files: int
    bytes: int
    without_checksum: int
    """Files written before there were checksums: of these what readers pass over was not looked at."""
    problems: tuple[Problem, ...]


def verify_store(store: Store) -> Verification:
    """Read every file of the store whole, one part in memory at a time."""
    walk = _Walk(store)
    shelves = walk.notes()
    for count, part in enumerate(walk.shards(shelves), 1):
        walk.shard(part, shelves)
        if count % 1000 == 0:
            log.info(f"{count} parts read")
    return Verification(str(store.root), walk.files, walk.bytes, walk.unsealed, tuple(walk.problems))


class _Walk:
    def __init__(self, store: Store) -> None:
        self.store, self.problems = store, list[Problem]()
        self.files = self.bytes = self.unsealed = 0

    def notes(self) -> list[ProductTable]:
        """Look at views, draws and recipes; the shelves whose recipes are sound."""
        root, shelves = self.store.root, list[ProductTable]()
        for path in sorted((root / "draws").glob("*.json")):
            self._tried(path, None, self.store.read_noise_samples, path.stem)
        for path in sorted((root / "evidence").glob("*.json")):
            view = self._tried(path, None, self.store.read_view, path.stem)
            for name in view.products.values() if view else ():
                if not (root / "products" / name).is_dir() and self.store.shards_read():
                    self._tell(path, None, f"names the product table {name}, which is not there: {AGAIN}")
        for name in self.store.product_names():
            shelf = self._tried(recipe_file(root / "products" / name), None, self.store.open_product_table, name)
            shelves += [shelf] if shelf else []
        return shelves

    def shards(self, shelves: list[ProductTable]) -> Iterable[Shard]:
        """Those that the plan tells of; when it is damaged, those that have a file, without their rows."""
        stored = self.store.shards_read().union(*(shelf.shards() for shelf in shelves))
        planned = self._tried(self.store.root / "plan.parquet", None, self.store.shards)
        if planned is None:
            return [Shard(number, ()) for number in sorted(stored)]
        for folder in (self.store.root / "samples", *(shelf.folder for shelf in shelves)):
            for number in sorted(shard_numbers(folder).difference(planned.numbers)):
                self._tell(folder / shard_file(number), number, "is of no part of the plan: delete this file")
        return planned

    def shard(self, part: Shard, shelves: list[ProductTable]) -> None:
        """Look at the samples of one part and at its file on every shelf."""
        path = self.store.root / "samples" / shard_file(part.index)
        samples = self._tried(path, part.index, self.store.read_shard, part.index)
        pixels = None if samples is None else self._samples(path, part, samples)
        for shelf in shelves:
            place = shelf.folder / shard_file(part.index)
            table = self._tried(place, part.index, shelf.read, part.index)
            if table is not None and pixels is not None:
                self._product(place, part.index, table["pixels"].to_pylist(), pixels, some=bool(shelf.recipe.noise))

    def _samples(self, path: Path, part: Shard, samples: pa.Table) -> list[str]:
        """Compare with the plan; the hashes of the part's pictures."""
        stored = list(zip(*(samples[name].to_pylist() for name in ("uri", "bytes", "mtime_ns")), strict=True))
        if part.rows and stored != [(row.sample.uri, row.bytes, row.mtime_ns) for row in part.rows]:
            self._tell(path, part.index, f"got {len(stored)} other samples than the {len(part.rows)} planned: {AGAIN}")
        return [pixels for pixels in samples["pixels"].to_pylist() if pixels is not None]

    def _product(self, path: Path, part: int, stored: list[str], pixels: list[str], some: bool) -> None:
        """Compare with the pictures of the part, of which a further draw of the noise holds some alone."""
        if stored != ([one for one in pixels if one in set(stored)] if some else pixels):
            lacking = len(set(pixels).difference(stored))
            strange = len(set(stored).difference(pixels))
            self._tell(
                path,
                part,
                f"got {len(stored)} rows for {len(pixels)} pictures ({lacking} lacking, {strange} of no picture of "
                f"this part): {AGAIN}",
            )

    def _tried(self, path: Path, part: int | None, read: Callable[..., Found | None], *given: object) -> Found | None:
        """What is read of a file, and None when that is wrong or nothing; its seal is looked at too."""
        there = path.is_file()
        if there:
            self.files, self.bytes = self.files + 1, self.bytes + path.stat().st_size
        try:
            found = read(*given)
            if there and path.suffix == ".json":
                check_note(path)
            self.unsealed += there and path.suffix == ".parquet" and not check_file(path)
        except StoreError as error:
            self._tell(path, part, str(error).removeprefix(f"{path}: "))
            return None
        return found

    def _tell(self, path: Path, part: int | None, what: str) -> None:
        self.problems.append(Problem(str(path.relative_to(self.store.root)), part, what))

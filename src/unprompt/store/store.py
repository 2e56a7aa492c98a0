"""The folder OUT, or its URL in an object store: a plan, the samples, the products and the views over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from unprompt.errors import StoreError
from unprompt.store.cells import failed_rows
from unprompt.store.files import locked
from unprompt.store.noise_samples import NoiseSamples, read_noise_samples, write_noise_samples
from unprompt.store.object_path import ObjectPath, Overtaken
from unprompt.store.parquet import REMEDY, read_table, rows_in, write_table
from unprompt.store.places import Place, ahead, matching, place
from unprompt.store.plan import Shard, Survey, shard_file, shard_numbers, shard_sizes
from unprompt.store.plan_table import PlanTable, Shards
from unprompt.store.product_table import ProductRecipe, ProductTable, check_recipe, has_recipe, read_recipe
from unprompt.store.schema import SAMPLES
from unprompt.store.view import EvidenceView, read_view, write_view
from unprompt.types import Sample

ATTEMPTS: Final = 10
"""How often a plan in an object store is made anew that other runs were quicker to extend."""


@dataclass(frozen=True)
class Store:
    """What was extracted into ``root``; several processes may use one store at a time."""

    root: Place

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", place(self.root))

    def plan(self, samples: Iterable[Sample]) -> Shards:
        """The shards that hold ``samples``, whole; what is new or changed is planned into shards of its own.

        The same samples in the same order give the same shards, however often runs were interrupted. Samples that are
        no collection are gathered first.
        """
        samples = samples if isinstance(samples, Collection) else list(samples)
        found = self._plan.survey(samples)
        if any(found.rows()):
            found = self._extended(samples)
        return Shards(self._plan, tuple(sorted(found.shards)))

    def shards(self) -> Shards:
        """All shards that were ever planned."""
        return Shards(self._plan, tuple(sorted(self._plan.numbers())))

    def planned_rows(self) -> int:
        """Rows of the plan: one a sample, and one more each time that it changed."""
        path = self.root / "plan.parquet"
        return rows_in(path) if path.exists() else 0

    def write_samples(self, shard: int, table: pa.Table) -> None:
        """Store what was read of the samples of shard number ``shard`` (see ``sample_rows``)."""
        write_table(self.root / "samples" / shard_file(shard), table, SAMPLES)

    def read_shard(self, shard: int) -> pa.Table | None:
        """The stored sample rows of shard number ``shard``, or None when it was not read yet."""
        return read_table(self.root / "samples" / shard_file(shard), SAMPLES)

    def fail_pictures(self, shard: int, pixels: Collection[str], reason: str) -> None:
        """Make errors of the rows of pictures, by their hashes, about which a model has no answer; their facts stay."""
        table = self.read_shard(shard)
        if table is not None:
            self.write_samples(shard, failed_rows(table, pixels, reason))

    def failed_pictures(self, shard: int) -> frozenset[str]:
        """Hashes of the pictures whose rows :meth:`fail_pictures` made errors."""
        table = self.read_shard(shard)
        rows = [] if table is None else table.select(["status", "pixels"]).to_pylist()
        return frozenset(row["pixels"] for row in rows if row["status"] == "error" and row["pixels"])

    def shards_read(self) -> frozenset[int]:
        """Numbers of the shards whose sample rows are stored; the files are not looked at."""
        return shard_numbers(self.root / "samples")

    def check_read(self, numbers: Sequence[int] = ()) -> None:
        """StoreError when the plan, or sample rows of shards that were read, are gone, as after a folder's removal."""
        lacking = sorted(set(numbers) - self.shards_read()) if numbers else []
        if lacking or not (self.root / "plan.parquet").exists():
            what = f"the sample rows of shard {lacking[0]} are" if lacking else "the plan is"
            raise StoreError(
                f"{self.root}: {what} gone; expected that nobody removes or changes this folder while it is filled: "
                "run the same command again"
            )

    def check_planned(self, samples: Iterable[Sample]) -> None:
        """StoreError when an object store let another run put its plan over that of ``samples``, as S3 does not."""
        if isinstance(self.root, ObjectPath) and not self.root.compares and self._plan.survey(samples).fresh:
            raise StoreError(
                f"{self.root}: another run planned at the same moment, or pictures were changed meanwhile; expected "
                "runs that begin one after the other: run the same command again"
            )

    def missing(self, numbers: Iterable[int], products: Iterable[str]) -> frozenset[int]:
        """Those shards of some that were not read, or lack a file in one of these product tables; no file is opened.

        A shard that was read and holds no picture has no file in any product table.
        """
        there = [self.shards_read(), *(shard_numbers(self.root / "products" / name) for name in products)]
        return frozenset(numbers).difference(frozenset.intersection(*there))

    def current(self) -> Iterator[tuple[int, pa.Table]]:
        """Shard by shard the sample rows with their latest labels, generators and splits; of a uri the last row alone.

        Raises StoreError when there are none, or a file is damaged.
        """
        read = self.shards_read()
        if not read:
            raise StoreError(
                f"{self.root} holds no samples; expected a folder filled by "
                f"`unprompt extract METHOD --data ... --out {self.root}`"
            )
        last = self._plan.repeated(read)
        shards = self._plan.shards(read)
        for shard, table in ahead(lambda shard: (shard, self.read_shard(shard.index)), shards, self.root):
            if table is not None:
                kept = [last.get(uri, shard.index) == shard.index for uri in table["uri"].to_pylist()]
                yield shard.index, self._relabelled(table.filter(pa.array(kept, pa.bool_())), shard)

    def read_samples(self) -> pa.Table:
        """All of :meth:`current` in one table, in memory."""
        return pa.concat_tables([SAMPLES.empty_table(), *(table for _, table in self.current())])

    def check_perturbation(self, perturbation: str) -> None:
        """StoreError when the pictures stored here went through another one; a store holds pictures of one."""
        stored = self.perturbation()
        if stored is not None and stored != perturbation:
            raise StoreError(
                f"{self.root} holds pictures with --perturb {stored or 'nothing'}, got "
                f"{perturbation or 'nothing'}: give each perturbation a folder of its own with --out"
            )

    def perturbation(self) -> str | None:
        """What the pictures stored here went through, empty = nothing; None when there are none yet."""
        table = self.read_shard(min(self.shards_read(), default=0))
        return None if table is None else table["perturbation"][0].as_py() or ""

    def decodings(self) -> tuple[int, ...]:
        """Versions of the decoding policy under which the first and the last shard were read, each once."""
        read = self.shards_read()
        tables = [self.read_shard(number) for number in sorted({min(read), max(read)})] if read else []
        rows = [
            row for table in tables if table is not None for row in table.select(["status", "decoding"]).to_pylist()
        ]
        return tuple(sorted({row["decoding"] or 1 for row in rows if row["status"] == "ok"}))

    def product_table(self, recipe: ProductRecipe) -> ProductTable:
        """The product table of ``recipe``, empty or not. Raises StoreError when its folder is another recipe's."""
        folder = self.root / "products" / recipe.name
        check_recipe(folder, recipe)
        return ProductTable(folder, recipe)

    def open_product_table(self, name: str) -> ProductTable:
        """The product table that a view names. Raises StoreError when it is not there."""
        folder = self.root / "products" / name
        return ProductTable(folder, read_recipe(folder))

    def product_names(self) -> list[str]:
        """Names of all product tables."""
        return [path.name for path in matching(self.root / "products", "*") if path.is_dir()]

    def views(self) -> list[EvidenceView]:
        """The views of all methods. Raises StoreError when one is damaged."""
        return [self.read_view(path.stem) for path in matching(self.root / "evidence", "*.json")]

    def write_view(self, view: EvidenceView) -> None:
        """Store the view of one method; a former one of the method is replaced."""
        write_view(self.root / "evidence", view)

    def read_view(self, method: str) -> EvidenceView:
        """The view of ``method``. Raises StoreError when it is missing or damaged."""
        return read_view(self.root / "evidence", method)

    def dtype(self, view: EvidenceView) -> str | None:
        """Numbers that the models of a view ran in, as float32; None where no product of a model is stored."""
        folders = (self.root / "products" / name for name in view.products.values())
        cards = (card for folder in folders for card in _cards_if_any(folder))
        return next((card["parameters"]["dtype"] for card in cards if "dtype" in card.get("parameters", {})), None)

    def shard_bytes(self, products: Iterable[str]) -> Counter[int]:
        """Shard -> bytes of its files in these product tables."""
        sizes = Counter[int]()
        for name in products:
            sizes.update(shard_sizes(self.root / "products" / name))
        return sizes

    def write_noise_samples(self, note: NoiseSamples) -> None:
        """Store which pictures have further noise samples of one method; a former note is replaced."""
        write_noise_samples(self.root / "draws", note)

    def read_noise_samples(self, method: str) -> NoiseSamples | None:
        """Which pictures have further noise samples of ``method``; None when none have."""
        return read_noise_samples(self.root / "draws", method)

    @property
    def _plan(self) -> PlanTable:
        return PlanTable(self.root / "plan.parquet")

    def _extended(self, samples: Iterable[Sample]) -> Survey:
        """Plan what is lacking, with nobody between: under a lock, or as long as the object is the one that was read.

        Another process may have planned it meanwhile.
        """
        if isinstance(self.root, Path):
            with locked(self.root / "plan.lock"):
                return self._plan.extended(samples)
        for _ in range(ATTEMPTS - 1):
            with suppress(Overtaken):
                return self._plan.pinned().extended(samples)
        return self._plan.pinned().extended(samples)

    def _relabelled(self, table: pa.Table, shard: Shard) -> pa.Table:
        planned, uris = {sample.uri: sample for sample in shard.samples}, table["uri"].to_pylist()
        if strange := [uri for uri in uris if uri not in planned]:
            raise StoreError(
                f"got {strange[0]}; expected what the plan puts into this shard; {REMEDY}",
                path=self.root / "samples" / shard_file(shard.index),
            )
        for name in ("label", "generator", "split"):
            field = SAMPLES.field(name)
            cells = pa.array([getattr(planned[uri], name) for uri in uris], field.type)
            table = table.set_column(SAMPLES.get_field_index(name), field, cells)
        return table


def _cards_if_any(folder: Place) -> tuple[dict[str, Any], ...]:
    try:
        return _cards(folder)
    except StoreError:
        if has_recipe(folder):
            raise
        return ()


@lru_cache(maxsize=1024)
def _cards(folder: Place) -> tuple[dict[str, Any], ...]:
    """The cards that a product table's recipe names; a table's recipe never changes."""
    return tuple(card for card in read_recipe(folder).cards if isinstance(card, dict))

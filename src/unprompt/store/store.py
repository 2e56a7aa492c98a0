"""The folder OUT: a plan, the samples, the products and the views over them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from unprompt.errors import StoreError
from unprompt.store.files import REMEDY, locked, read_table, rows_in, write_table
from unprompt.store.noise_samples import NoiseSamples, read_noise_samples, write_noise_samples
from unprompt.store.plan import Shard, shard_file, shard_numbers
from unprompt.store.plan_table import PlanTable, Shards
from unprompt.store.product_table import ProductRecipe, ProductTable, read_recipe, recipe_file
from unprompt.store.schema import SAMPLES
from unprompt.store.view import EvidenceView, read_view, write_view
from unprompt.types import Sample


@dataclass(frozen=True)
class Store:
    """What was extracted into the folder ``root``; several processes may use one store at a time."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    def plan(self, samples: Iterable[Sample]) -> Shards:
        """The parts that hold ``samples``, whole; what is new or changed is planned into parts of its own.

        The same samples in the same order give the same parts, however often runs were interrupted. Samples that are
        no collection are gathered first.
        """
        samples = samples if isinstance(samples, Collection) else list(samples)
        numbers = self._covering(samples)
        if numbers is None:
            with locked(self.root / "plan.lock"):
                lacking = self._plan.survey(samples)
                if any(lacking.rows()):
                    self._plan.append(lacking.rows())
                numbers = lacking.parts
        return Shards(self._plan, tuple(sorted(numbers)))

    def _covering(self, samples: Iterable[Sample]) -> frozenset[int] | None:
        """The numbers of the parts that hold ``samples``; None when some were not planned as they are now."""
        lacking = self._plan.survey(samples)
        return None if any(lacking.rows()) else lacking.parts

    def shards(self) -> Shards:
        """All parts that were ever planned."""
        return Shards(self._plan, tuple(sorted(self._plan.numbers())))

    def planned_rows(self) -> int:
        """Rows of the plan: one a sample, and one more each time that it changed."""
        path = self.root / "plan.parquet"
        return rows_in(path) if path.exists() else 0

    def write_samples(self, part: int, table: pa.Table) -> None:
        """Store what was read of the samples of part number ``part`` (see ``sample_rows``)."""
        write_table(self.root / "samples" / shard_file(part), table, SAMPLES)

    def read_shard(self, part: int) -> pa.Table | None:
        """The stored sample rows of part number ``part``, or None when it was not read yet."""
        return read_table(self.root / "samples" / shard_file(part), SAMPLES)

    def shards_read(self) -> frozenset[int]:
        """Numbers of the parts whose sample rows are stored; the files are not looked at."""
        return shard_numbers(self.root / "samples")

    def missing(self, numbers: Iterable[int], shelves: Iterable[str]) -> frozenset[int]:
        """Those parts of some that were not read, or have no file on one of these shelves; no file is looked at.

        Of a part that was read and holds no picture no shelf has a file (see :meth:`pictures`).
        """
        there = [self.shards_read(), *(shard_numbers(self.root / "products" / name) for name in shelves)]
        return frozenset(numbers).difference(frozenset.intersection(*there))

    def current(self) -> Iterator[tuple[int, pa.Table]]:
        """Shard by shard the sample rows with the labels, generators and splits last told; of a uri the last row alone.

        Raises StoreError when there are none, or a file is damaged.
        """
        read = self.shards_read()
        if not read:
            raise StoreError(
                f"{self.root} holds no samples; expected a folder filled by "
                f"`unprompt extract METHOD --data ... --out {self.root}`"
            )
        last = self._plan.repeated(read)
        for part in self._plan.shards(read):
            table = self.read_shard(part.index)
            if table is not None:
                kept = [last.get(uri, part.index) == part.index for uri in table["uri"].to_pylist()]
                yield part.index, self._retold(table.filter(pa.array(kept, pa.bool_())), part)

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

    def product_table(self, recipe: ProductRecipe) -> ProductTable:
        """The shelf of ``recipe``, empty or not. Raises StoreError when its folder is another recipe's."""
        folder = self.root / "products" / recipe.name
        if recipe_file(folder).exists():
            read_recipe(folder)
        return ProductTable(folder, recipe)

    def open_product_table(self, name: str) -> ProductTable:
        """The shelf that a view names. Raises StoreError when it is not there."""
        folder = self.root / "products" / name
        return ProductTable(folder, read_recipe(folder))

    def product_names(self) -> list[str]:
        """Names of all shelves."""
        return sorted(path.name for path in (self.root / "products").glob("*") if path.is_dir())

    def views(self) -> list[EvidenceView]:
        """The views of all methods. Raises StoreError when one is damaged."""
        return [self.read_view(path.stem) for path in sorted((self.root / "evidence").glob("*.json"))]

    def write_view(self, view: EvidenceView) -> None:
        """Store the view of one method; a former one of the method is replaced."""
        write_view(self.root / "evidence", view)

    def read_view(self, method: str) -> EvidenceView:
        """The view of ``method``. Raises StoreError when it is missing or damaged."""
        return read_view(self.root / "evidence", method)

    def write_noise_samples(self, draws: NoiseSamples) -> None:
        """Store what of one method's evidence was drawn under further noise; a former note is replaced."""
        write_noise_samples(self.root / "draws", draws)

    def read_noise_samples(self, method: str) -> NoiseSamples | None:
        """What of the method's evidence was drawn under further noise; None when nothing was."""
        return read_noise_samples(self.root / "draws", method)

    @property
    def _plan(self) -> PlanTable:
        return PlanTable(self.root / "plan.parquet")

    def _retold(self, table: pa.Table, part: Shard) -> pa.Table:
        told, uris = {row.sample.uri: row.sample for row in part.rows}, table["uri"].to_pylist()
        if strange := [uri for uri in uris if uri not in told]:
            raise StoreError(
                f"{self.root / 'samples' / shard_file(part.index)}: got {strange[0]}; expected what the plan puts into "
                f"this part; {REMEDY}"
            )
        for name in ("label", "generator", "split"):
            field = SAMPLES.field(name)
            cells = pa.array([getattr(told[uri], name) for uri in uris], field.type)
            table = table.set_column(SAMPLES.get_field_index(name), field, cells)
        return table

"""The folder OUT: a plan, the samples, the products and the views over them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from unprompt.errors import StoreError
from unprompt.store import plan
from unprompt.store.draws import Draws, read_draws, write_draws
from unprompt.store.files import locked, read_table, write_table
from unprompt.store.plan import Part, Planned, part_file
from unprompt.store.schema import PLAN, SAMPLES
from unprompt.store.shelf import RECIPE, Recipe, Shelf, read_recipe
from unprompt.store.view import EvidenceView, read_view, write_view
from unprompt.types import Sample

_LOST_PLAN = "without its plan a store cannot grow: extract into a new folder with another --out"
_PART = re.compile(r"part-(\d{5,})\.parquet")


@dataclass(frozen=True)
class Store:
    """What was extracted into the folder ``root``; several processes may use one store at a time."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    def plan(self, samples: Iterable[Sample]) -> list[Part]:
        """The parts that hold ``samples``, whole; what is new or changed is planned into parts of its own.

        The same samples in the same order give the same parts, however often runs were interrupted.
        """
        samples = list(samples)
        planned = self._planned()
        if plan.extend(planned, samples):
            with locked(self.root / "plan.lock"):
                planned = self._planned()
                planned += plan.extend(planned, samples)
                write_table(self._plan, plan.to_table(planned), PLAN)
        return plan.parts(planned, samples)

    def parts(self) -> list[Part]:
        """All parts that were ever planned."""
        return plan.parts(self._planned())

    def write_samples(self, part: int, table: pa.Table) -> None:
        """Store what was read of the samples of part number ``part`` (see ``sample_rows``)."""
        write_table(self.root / "samples" / part_file(part), table, SAMPLES)

    def read_part(self, part: int) -> pa.Table | None:
        """The stored sample rows of part number ``part``, or None when it was not read yet."""
        return read_table(self.root / "samples" / part_file(part), SAMPLES)

    def read_samples(self) -> pa.Table:
        """All sample rows, the last one of each uri, with the labels, generators and splits last told.

        Raises StoreError when there are none, or a file is damaged.
        """
        paths = self._sample_files()
        if not paths:
            raise StoreError(
                f"{self.root} holds no samples; expected a folder filled by "
                f"`unprompt extract METHOD --data ... --out {self.root}`"
            )
        table = pa.concat_tables([read_table(path, SAMPLES) for path in paths])
        last = {uri: place for place, uri in enumerate(table["uri"].to_pylist())}
        return self._retold(table.take(pa.array(sorted(last.values()), pa.int64())))

    def check_perturbation(self, perturbation: str) -> None:
        """StoreError when the pictures stored here went through another one; a store holds pictures of one."""
        for path in self._sample_files()[:1]:
            table = read_table(path, SAMPLES)
            stored = table["perturbation"][0].as_py() if table else None
            if (stored or "") != perturbation:
                raise StoreError(
                    f"{self.root} holds pictures with --perturb {stored or 'nothing'}, got "
                    f"{perturbation or 'nothing'}: give each perturbation a folder of its own with --out"
                )

    def shelf(self, recipe: Recipe) -> Shelf:
        """The shelf of ``recipe``, empty or not. Raises StoreError when its folder is another recipe's."""
        folder = self.root / "products" / recipe.name
        if (folder / RECIPE).exists():
            read_recipe(folder)
        return Shelf(folder, recipe)

    def open_shelf(self, name: str) -> Shelf:
        """The shelf that a view names. Raises StoreError when it is not there."""
        folder = self.root / "products" / name
        return Shelf(folder, read_recipe(folder))

    def write_view(self, view: EvidenceView) -> None:
        """Store the view of one method; a former one of the method is replaced."""
        write_view(self.root / "evidence", view)

    def read_view(self, method: str) -> EvidenceView:
        """The view of ``method``. Raises StoreError when it is missing or damaged."""
        return read_view(self.root / "evidence", method)

    def write_draws(self, draws: Draws) -> None:
        """Store what of one method's evidence was drawn under further noise; a former note is replaced."""
        write_draws(self.root / "draws", draws)

    def read_draws(self, method: str) -> Draws | None:
        """What of the method's evidence was drawn under further noise; None when nothing was."""
        return read_draws(self.root / "draws", method)

    @property
    def _plan(self) -> Path:
        return self.root / "plan.parquet"

    def _planned(self) -> list[Planned]:
        table = read_table(self._plan, PLAN, _LOST_PLAN)
        return [] if table is None else plan.from_table(table)

    def _sample_files(self) -> list[Path]:
        """The part files in the order of their numbers; temporary files of other runs are none."""
        folder = self.root / "samples"
        names = {path: _PART.fullmatch(path.name) for path in folder.iterdir()} if folder.is_dir() else {}
        return [path for _, path in sorted((int(match[1]), path) for path, match in names.items() if match)]

    def _retold(self, table: pa.Table) -> pa.Table:
        told = {row.sample.uri: row.sample for row in self._planned()}
        uris = table["uri"].to_pylist()
        for name in ("label", "generator", "split"):
            field = SAMPLES.field(name)
            cells = [
                getattr(told[uri], name) if uri in told else old
                for uri, old in zip(uris, table[name].to_pylist(), strict=True)
            ]
            table = table.set_column(SAMPLES.get_field_index(name), field, pa.array(cells, field.type))
        return table

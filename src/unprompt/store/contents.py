"""What lies in a store: product tables, who uses each, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from unprompt.store.noise_samples import NoiseSamples
from unprompt.store.parquet import rows_in
from unprompt.store.places import ahead, matching
from unprompt.store.plan import shard_file, shard_sizes
from unprompt.store.store import Store
from unprompt.store.view import EvidenceView


@dataclass(frozen=True)
class StoredProduct:
    """One product table."""

    name: str
    named_by: tuple[str, ...]
    """Methods and roles, as ``sare: captions``; empty = no view names it, and ``prune`` would remove it."""
    rows: int
    bytes: int
    shards: int
    """Shards that lie there."""
    missing: int
    """Shards that are still to be made; those without a readable picture never are."""


@dataclass(frozen=True)
class StoredNoiseSamples:
    """Further noise samples of one method."""

    method: str
    number: int
    pictures: int
    current: bool
    """They are of the evidence that the view names now."""


@dataclass(frozen=True)
class Contents:
    """All that ``unprompt evidence ls`` lists."""

    folder: str
    perturbation: str | None
    """What the pictures went through, empty = nothing; None before any was read."""
    decodings: tuple[int, ...]
    """Versions of the policy by which the first and the last pictures were decoded."""
    rows: int
    """Rows of the plan: samples, and once more each that changed."""
    shards: int
    shards_read: int
    views: tuple[EvidenceView, ...]
    products: tuple[StoredProduct, ...]
    noise_samples: tuple[StoredNoiseSamples, ...]
    stores: tuple[str, ...]
    """Folders inside that are stores of their own: the evidence after perturbations."""

    @classmethod
    def of(cls, store: Store) -> Contents:
        """Look at the footer of every file, and at no row of a product. Raises StoreError for a damaged file."""
        inner = (path.parent.relative_to(str(store.root)) for path in matching(store.root, "*/*/plan.parquet"))
        numbers, views, notes = store.shards().numbers, store.views(), _notes(store)
        return cls(
            str(store.root),
            store.perturbation(),
            store.decodings(),
            store.planned_rows(),
            len(numbers),
            len(store.shards_read()),
            tuple(views),
            tuple(_products(store, numbers)),
            tuple(
                StoredNoiseSamples(
                    view.method, note.number, sum(map(len, note.pictures.values())), note.evidence == view.fingerprint
                )
                for view in views
                if (note := notes.get(view.method)) is not None
            ),
            tuple(sorted(path.as_posix() for path in inner)),
        )


def named(store: Store) -> dict[str, list[str]]:
    """Name of a product table -> the methods and roles whose views, or notes of further noise samples, name it."""
    found: dict[str, list[str]] = {}
    notes = _notes(store)
    for view in store.views():
        note = notes.get(view.method)
        further = range(1, note.number) if note is not None and note.evidence == view.fingerprint else ()
        for role, name in view.products.items():
            found.setdefault(name, []).append(f"{view.method}: {role}")
            for noise in further:
                recipe = store.open_product_table(name).recipe.at_noise(noise)
                found.setdefault(recipe.name, []).append(f"{view.method}: {role}, noise sample {noise + 1}")
    return found


def _notes(store: Store) -> Mapping[str, NoiseSamples]:
    """The notes of the methods that have further noise samples."""
    notes = {view.method: store.read_noise_samples(view.method) for view in store.views()}
    return {method: note for method, note in notes.items() if note is not None}


def _products(store: Store, numbers: Collection[int]) -> list[StoredProduct]:
    """Every product table against all shards, or against those that the notes of its users name."""
    uses, notes, found = named(store), _notes(store), list[StoredProduct]()

    @cache
    def empty(shard: int) -> bool:
        """Whether it was read and holds no picture."""
        table = store.read_shard(shard)
        return table is not None and "ok" not in table["status"].to_pylist()

    for name in store.product_names():
        table, users = store.open_product_table(name), tuple(uses.get(name, ()))
        wanted = set(numbers)
        if table.recipe.noise:
            methods = {user.partition(":")[0] for user in users}
            wanted = {int(shard) for method in methods & notes.keys() for shard in notes[method].pictures}
        there = shard_sizes(table.folder)
        paths = (table.folder / shard_file(shard) for shard in sorted(there))
        rows, size = sum(ahead(rows_in, paths, store.root)), sum(there.values())
        missing = sum(not empty(shard) for shard in sorted(wanted - there.keys()))
        found.append(StoredProduct(name, users, rows, size, len(there), missing))
    return found

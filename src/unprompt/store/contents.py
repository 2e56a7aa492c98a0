"""What lies in a store: product tables, who uses each, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from unprompt.store.files import rows_in
from unprompt.store.plan import shard_file
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
    """All that ``unprompt evidence ls`` tells."""

    folder: str
    perturbation: str | None
    """What the pictures went through, empty = nothing; None before any was read."""
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
        numbers, uses, empty = frozenset(store.shards().numbers), named(store), _Empty(store)
        return cls(
            str(store.root),
            store.perturbation(),
            store.planned_rows(),
            len(numbers),
            len(store.shards_read()),
            tuple(store.views()),
            tuple(_product(store, name, uses, numbers, empty) for name in store.product_names()),
            tuple(_drawn(store)),
            tuple(sorted(str(path.parent.relative_to(store.root)) for path in store.root.glob("*/*/plan.parquet"))),
        )


class _Empty:
    """Which parts were read and hold no picture; each is looked at once."""

    def __init__(self, store: Store) -> None:
        self._store, self._known = store, dict[int, bool]()

    def __call__(self, part: int) -> bool:
        if part not in self._known:
            table = self._store.read_shard(part)
            self._known[part] = table is not None and not any(status == "ok" for status in table["status"].to_pylist())
        return self._known[part]


def named(store: Store) -> dict[str, list[str]]:
    """Name of a product table -> the methods and roles whose views, or notes of further noise samples, name it."""
    found: dict[str, list[str]] = {}
    for view in store.views():
        note = store.read_noise_samples(view.method)
        again = range(1, note.number) if note is not None and note.evidence == view.fingerprint else ()
        for role, name in view.products.items():
            found.setdefault(name, []).append(f"{view.method}: {role}")
            for noise in again:
                recipe = store.open_product_table(name).recipe.at_noise(noise)
                found.setdefault(recipe.name, []).append(f"{view.method}: {role}, noise sample {noise + 1}")
    return found


def _product(
    store: Store, name: str, uses: Mapping[str, list[str]], numbers: Collection[int], empty: _Empty
) -> StoredProduct:
    shelf = store.open_product_table(name)
    there = shelf.shards()
    paths = [shelf.folder / shard_file(part) for part in sorted(there)]
    wanted = _drawn_parts(store, uses.get(name, [])) if shelf.recipe.noise else numbers
    missing = sum(not empty(part) for part in sorted(frozenset(wanted) - there))
    size = sum(path.stat().st_size for path in paths)
    return StoredProduct(name, tuple(uses.get(name, ())), sum(map(rows_in, paths)), size, len(there), missing)


def _drawn_parts(store: Store, users: Collection[str]) -> set[int]:
    """The parts of which the notes of these users' methods tell."""
    notes = (store.read_noise_samples(user.partition(":")[0]) for user in users)
    return {int(part) for note in notes if note is not None for part in note.pictures}


def _drawn(store: Store) -> list[StoredNoiseSamples]:
    found = []
    for view in store.views():
        note = store.read_noise_samples(view.method)
        if note is not None:
            pictures = sum(map(len, note.pictures.values()))
            found.append(StoredNoiseSamples(view.method, note.number, pictures, note.evidence == view.fingerprint))
    return found

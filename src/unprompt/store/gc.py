"""What may go: product tables that no view names."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from unprompt.errors import StoreError
from unprompt.store.contents import named
from unprompt.store.places import ahead, file_sizes
from unprompt.store.store import Store


@dataclass(frozen=True)
class Unreferenced:
    """A product table that no view names, nor any note of further noise samples."""

    name: str
    files: int
    bytes: int


def unreferenced(store: Store) -> list[Unreferenced]:
    """Those of a store. Raises StoreError for a store without a view, whose products may all be wanted yet."""
    uses = named(store)
    if not uses:
        raise StoreError(
            f"{store.root} has no view of any evidence, expected one at least: finish the extraction by the same "
            "command, or delete the folder"
        )
    found = []
    for name in store.product_names():
        if name not in uses:
            sizes = file_sizes(store.root / "products" / name)
            found.append(Unreferenced(name, len(sizes), sum(sizes.values())))
    return found


def remove(store: Store, table: Unreferenced) -> None:
    """Delete a product table, its recipe last, so that an interruption leaves a table with fewer shards."""
    folder = store.root / "products" / table.name
    try:
        files: list[Any] = list(folder.iterdir())
        for recipes in (False, True):
            some = [path for path in files if (path.suffix == ".json") == recipes]
            deque(ahead(lambda path: path.unlink(), some, folder), maxlen=0)
        folder.rmdir()
    except OSError as error:
        raise StoreError(f"{folder} cannot be removed ({error}); expected a folder that you may write to") from error

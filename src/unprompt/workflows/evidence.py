"""``unprompt evidence``: what a folder of evidence holds, whether it is sound, and what of it is unreferenced."""

from __future__ import annotations

import logging
from pathlib import Path

from unprompt.errors import StoreError, Unconfirmed
from unprompt.store import Contents, Store, Unreferenced, Verification, place, remove, unreferenced, verify_store

log = logging.getLogger(__name__)


def ls(folder: str | Path) -> Contents:
    """List methods, products with their rows and bytes, and what is missing.

    Args:
        folder: A folder that ``extract`` wrote, or its URL.
    """
    return Contents.of(_store(folder))


def verify(folder: str | Path) -> Verification:
    """Read every file and name each that is damaged or disagrees with the plan.

    Shards that were not made yet are no problem: :func:`ls` counts them.

    Args:
        folder: A folder that ``extract`` wrote, or its URL.
    """
    return verify_store(_store(folder))


def prune(folder: str | Path, *, max_bytes: int | None = 0) -> list[Unreferenced]:
    """Remove products that no method's evidence names, and return them; they are logged first.

    Finish interrupted extractions before: what they made is not named yet. Where more than ``max_bytes`` would go,
    Unconfirmed is raised and nothing is removed; None = no limit.

    Args:
        folder: A folder that ``extract`` wrote, or its URL.
        max_bytes: Do not ask for confirmation before anything is removed.
    """
    store = _store(folder)
    tables = unreferenced(store)
    for one in tables:
        log.info(f"no view names {one.name}: {one.files} files, {one.bytes} bytes")
    size = sum(one.bytes for one in tables)
    if max_bytes is not None and size > max_bytes:
        question = f"{size} bytes in {len(tables)} product tables of {store.root} would be removed"
        raise Unconfirmed(question, "add --yes (max_bytes=None in Python) to remove them")
    for one in tables:
        remove(store, one)
    return tables


def _store(folder: str | Path) -> Store:
    store = Store(place(folder))
    if not (store.root / "plan.parquet").is_file() and not store.shards_read():
        raise StoreError(
            f"{store.root} is no folder of evidence (it has no plan.parquet); expected one filled by "
            f"`unprompt extract METHOD --data ... --out {store.root}`"
        )
    return store

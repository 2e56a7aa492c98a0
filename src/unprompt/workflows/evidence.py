"""``unprompt evidence``: what a folder of evidence holds, whether it is sound, and what of it nobody needs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from unprompt.errors import OptionError, StoreError
from unprompt.store import Contents, Store, Unreferenced, Verification, remove, unreferenced, verify_store

log = logging.getLogger(__name__)


def refuse(told: str) -> None:
    """Where nobody can be asked, the answer is no: OptionError with the flag that says yes."""
    raise OptionError(f"{told}: add --yes (yes=True in Python) to remove them")


def ls(folder: str | Path) -> Contents:
    """List what ``folder``, filled by ``extract``, holds: views, products, further draws, and what is missing."""
    return Contents.of(_store(folder))


def verify(folder: str | Path) -> Verification:
    """Read every file of ``folder`` and list each that is not what was written, or disagrees with the plan.

    Shards that were not made yet are no problem: :func:`ls` counts them.
    """
    return verify_store(_store(folder))


def prune(
    folder: str | Path,
    *,
    yes: bool = False,
    ask: Callable[[str], None] = refuse,
) -> list[Unreferenced]:
    """Remove from ``folder`` the product tables that no view names, and return them.

    Each is logged before any is touched; ``ask`` is given the sum and raises to stop, unless ``yes``. What an
    unfinished extraction made is not named by a view yet: finish it first.
    """
    store = _store(folder)
    found = unreferenced(store)
    for one in found:
        log.info(f"no view names {one.name}: {one.files} files, {one.bytes} bytes")
    if found and not yes:
        ask(f"{sum(one.bytes for one in found)} bytes in {len(found)} product tables of {store.root} would be removed")
    for one in found:
        remove(store, one)
    return found


def _store(folder: str | Path) -> Store:
    store = Store(Path(folder))
    if not (store.root / "plan.parquet").is_file() and not store.shards_read():
        raise StoreError(
            f"{store.root} is no folder of evidence (it has no plan.parquet); expected one filled by "
            f"`unprompt extract METHOD --data ... --out {store.root}`"
        )
    return store

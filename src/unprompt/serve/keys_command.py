"""``unprompt keys``: who may ask the service. Importing this loads none of the web's libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unprompt.serve.command import missing

if TYPE_CHECKING:
    from unprompt.serve.keys import Key, KeyStore


def add(name: str, *, rate: str = "600/minute", database: str | None = None) -> str:
    """Make a key for a client and print it, this once: what is stored is its digest.

    From then on the service asks everybody for a key, on this machine too.

    Args:
        name: Whose key it is, in your words.
        rate: Requests that it allows in a time, as 600/minute.
        database: The service's --database.
    """
    with _store(database) as store:
        return store.add(name, rate)


def list_(*, database: str | None = None) -> list[Key]:
    """List the keys by their names.

    Args:
        database: The service's --database.
    """
    with _store(database) as store:
        return store.list()


def remove(name: str, *, database: str | None = None) -> str:
    """Take a key back; it is refused from the next request on.

    Args:
        name: Whose key it is.
        database: The service's --database.
    """
    with _store(database) as store:
        store.remove(name)
    return f"removed {name}"


@contextmanager
def _store(database: str | None) -> Iterator[KeyStore]:
    try:
        from unprompt.serve.database import connect
        from unprompt.serve.keys import KeyStore
    except ModuleNotFoundError as error:
        raise missing(error) from error
    engine = connect(database)
    try:
        yield KeyStore(engine)
    finally:
        engine.dispose()

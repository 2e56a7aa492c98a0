"""Notes of a few facts as JSON: written when they change, and read with what to do about a damaged one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from unprompt.errors import StoreError
from unprompt.store.files import write_aside
from unprompt.store.places import Place
from unprompt.structured_text import parse_json


def write_note(path: Place, facts: Mapping[str, object]) -> None:
    """Store ``facts`` in ``path`` unless they lie there: a whole store can be used where nobody may write."""
    data = _encoded(facts)
    with suppress(OSError):  # Whatever ails the file, writing it says.
        if path.read_bytes() == data:
            return
    write_aside(path, lambda file: file.write(data))


@contextmanager
def sound(path: Place, what: str, remedy: str) -> Iterator[None]:
    """StoreError that names ``path`` and ``remedy`` for whatever goes wrong while the note is read."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"no sound {what} ({error!r}); {remedy}", path=path) from error


def check_note(path: Place) -> None:
    """StoreError when a sound note has other bytes than the store writes for its facts."""
    data = path.read_bytes()
    if _encoded(parse_json(data.decode("utf-8"))) != data:
        raise StoreError(
            "got other bytes than the store writes for this content: delete this file and run the same command again; "
            "of a recipe delete the folder",
            path=path,
        )


def _encoded(facts: object) -> bytes:
    return json.dumps(facts, indent=2, sort_keys=True).encode("ascii")

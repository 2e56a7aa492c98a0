"""Where a store lies: a folder, or what is below a URL of an object store; and what is asked of both in one way."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from unprompt.errors import OptionError
from unprompt.store.object_path import ObjectPath
from unprompt.urls import is_url, local_path

K = TypeVar("K")
T = TypeVar("T")
AT_ONCE: Final = 16
"""Requests that are awaited together where they do not depend on each other."""
Place: TypeAlias = Path | ObjectPath
"""Where something of a store lies."""


def place(root: str | Place) -> Place:
    """Where a text says that a store lies; OptionError for a URL that became a path and so lost a stroke."""
    if isinstance(root, ObjectPath):
        return root
    if isinstance(root, str) and root.startswith(("file://", "local://")):
        raise OptionError(f"{root} is a folder of this machine, expected its path: leave out what stands before it")
    if isinstance(root, str) and is_url(root):
        return ObjectPath(root.rstrip("/"))
    return local_path(root, "the store's folder")


def matching(folder: Place, pattern: str) -> list[Place]:
    """What lies below a folder whose name matches, part by part, in order."""
    found: Iterator[Any] = folder.glob(pattern)
    return sorted(found)


def file_sizes(folder: Place) -> dict[str, int]:
    """Names of the files in a folder, with their bytes, by one listing; none where there is no folder."""
    if isinstance(folder, ObjectPath):
        return {name: size for name, size in folder.sizes().items() if size is not None}
    sizes: dict[str, int] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        for entry in found:
            with suppress(FileNotFoundError):  # a temporary one of another run
                sizes[entry.name] = entry.stat().st_size
    return sizes


def ahead(read: Callable[[K], T], keys: Iterable[K], where: Place) -> Iterator[T]:
    """What ``read`` makes of each key, in order; of an object store several answers are awaited at a time."""
    if isinstance(where, Path):
        yield from map(read, keys)
        return
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for key in keys:
                waiting.append(pool.submit(read, key))
                if len(waiting) > AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

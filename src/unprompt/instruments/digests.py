"""SHA-256 of the files that models are made of. Loads no torch."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from unprompt.errors import StoreError
from unprompt.instruments.cache import forget, note, noted

FILES = ("*.json", "*.txt", "*.safetensors")
"""Files of a model folder that move its output: configuration, vocabulary, weights. Never pickles."""
SETTLED: Final = 2 * 10**9
"""Age in nanoseconds from which a file's state tells its content from the next, on any file system."""
LARGE: Final = 2**26
"""Bytes from which a digest is noted in the user's cache: to read such a file again takes longer than to look."""
NOTES: Final = "digests"
"""Folder of these notes in the cache."""

State = tuple[int, int, int, int]
"""Size, inode, and the times in ns at which the content and the entry last changed, of which no user sets the last."""


def folder_digest(folder: Path, patterns: Iterable[str] = FILES, trunk: Path | None = None, anew: bool = False) -> str:
    """SHA-256 over the names and contents of the files that match, sorted by name; "" when none does.

    With ``trunk`` it covers that folder's FILES too: a model on a trunk is another one when the trunk is. ``anew``:
    every file is read, whatever is known of it.
    """
    paths = {path.relative_to(folder).as_posix(): path for pattern in patterns for path in folder.glob(pattern)}
    digests = {name: file_digest(path, anew) for name, path in paths.items()}
    return joint_digest(digests, "" if trunk is None else f"on {folder_digest(trunk, anew=anew)}\n") if paths else ""


def joint_digest(digests: Mapping[str, str], below: str = "") -> str:
    """SHA-256 of lines with a file's name and its digest, sorted by name, and of the text ``below`` them."""
    lines = "".join(f"{name} {digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(f"{lines}{below}".encode()).hexdigest()


def file_digest(path: Path, anew: bool = False) -> str:
    """SHA-256 of a file. It is read once as long as its state stays the same, a LARGE one by all processes together."""
    stat = path.stat()
    state = stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns
    if anew:
        _settled_digest.cache_clear()
        forget(NOTES, str(path.resolve()))
    settled = time.time_ns() - max(state[2:]) > SETTLED
    return _settled_digest(path, state) if settled else _read(path)


@cache
def _settled_digest(path: Path, state: State) -> str:
    if state[0] < LARGE:
        return _read(path)
    key = str(path.resolve())
    told = noted(NOTES, key)
    if told.get("state") == list(state) and isinstance(digest := told.get("sha256"), str):
        return digest
    digest = _read(path)
    with suppress(OSError, StoreError):  # where the cache cannot be written, the file is read the next time too
        note(NOTES, key, {"state": state, "sha256": digest})
    return digest


def _read(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

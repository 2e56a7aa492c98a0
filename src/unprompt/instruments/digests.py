"""SHA-256 of the files that models are made of. Loads no torch."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from unprompt.errors import StoreError
from unprompt.instruments.cache import cache_folder
from unprompt.structured_text import read_object

FILES = ("*.json", "*.txt", "*.safetensors")
"""Files of a model folder that move its output: configuration, vocabulary, weights. Never pickles."""
SETTLED: Final = 2 * 10**9
"""Age in nanoseconds from which a file's state tells its content from the next, on any file system."""
LARGE: Final = 2**26
"""Bytes from which a digest is noted in the user's cache: to read such a file again takes longer than to look."""

State = tuple[int, int, int, int]
"""Size, inode, and the times in ns at which the content and the entry last changed, of which no user sets the last."""


def folder_digest(folder: Path, patterns: Iterable[str] = FILES, trunk: Path | None = None) -> str:
    """SHA-256 over the names and contents of the files that match, sorted by name; "" when none does.

    With ``trunk`` it covers that folder's FILES too: a model on a trunk is another one when the trunk is.
    """
    paths = {path.relative_to(folder).as_posix(): path for pattern in patterns for path in folder.glob(pattern)}
    digests = {name: file_digest(path) for name, path in paths.items()}
    return joint_digest(digests, "" if trunk is None else f"on {folder_digest(trunk)}\n") if paths else ""


def joint_digest(digests: Mapping[str, str], below: str = "") -> str:
    """SHA-256 of lines with a file's name and its digest, sorted by name, and of the text ``below`` them."""
    lines = "".join(f"{name} {digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(f"{lines}{below}".encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file. It is read once as long as its state stays the same, a LARGE one by all processes together."""
    stat = path.stat()
    state = stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns
    settled = time.time_ns() - max(state[2:]) > SETTLED
    return _settled_digest(path, state) if settled else _read(path)


@cache
def _settled_digest(path: Path, state: State) -> str:
    note = _note(path) if state[0] >= LARGE else None
    if note is None:
        return _read(path)
    noted = _noted(note, state)
    digest = noted or _read(path)
    if noted is None:
        _write(note, {"file": str(path), "state": state, "sha256": digest})
    return digest


def _read(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _note(path: Path) -> Path | None:
    """The file of the user's cache that keeps a file's digest; None where there can be no cache."""
    try:
        return cache_folder() / "digests" / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()}.json"
    except StoreError:
        return None


def _noted(note: Path, state: State) -> str | None:
    """What was noted of a file in this very state; None for a note that is not there or cannot be read."""
    try:
        told = read_object(note)
    except (OSError, ValueError):
        return None
    digest = told.get("sha256")
    return digest if told.get("state") == list(state) and isinstance(digest, str) else None


def _write(note: Path, told: Mapping[str, object]) -> None:
    """Whole or not at all; where the cache cannot be written, the file is read again the next time."""
    aside = note.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(told), "utf-8")
        aside.replace(note)

"""Rows as JSON Lines in a file that only grows, by which a run goes on after any end. Importing this loads no torch."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from unprompt.errors import StoreError
from unprompt.types import SCHEMA_VERSION, Attribution, Prediction

log = logging.getLogger(__name__)

REMEDY: Final = "name another file, or move this one away"


class RowFile:
    """A context in which each row is written as soon as it is there; without a path nothing is written.

    It contains the names of what needs no row: pictures that have one, unless it is an error or they were changed
    after the last row was written, and the file itself.

    Half a line at the end, which a kill leaves, is cut off. StoreError for a file that holds anything but rows of this
    version, and answers with ``expected`` values alone; for one that cannot be written; and for one that was removed or
    exchanged while it was written.
    """

    def __init__(self, path: Path | None, expected: Mapping[str, Sequence[Any]]) -> None:
        self.path = path
        self._expected = expected
        """Of a row's fields, each named as its option, the values that may stand in one file."""
        self._own = None if path is None else os.path.abspath(path)
        self._judged: frozenset[str] = frozenset()
        self._written = 0.0
        """When the last row was written before this run, in seconds since 1970."""
        self._file: BinaryIO | None = None

    def __contains__(self, uri: object) -> bool:
        return uri in self._judged or self.is_own(uri)

    @property
    def goes_on(self) -> bool:
        """Whether pictures have a row of before."""
        return bool(self._judged)

    def is_own(self, uri: object) -> bool:
        """Whether this is the file itself, however it is spelt."""
        return self._own is not None and isinstance(uri, str) and os.path.abspath(uri) == self._own

    def __enter__(self) -> Self:
        if self.path is not None:
            try:
                if self.path.exists():
                    self._read(self.path)
                self._file = self.path.open("ab")
            except OSError as error:
                told = f"cannot be written ({error.strerror}); expected a file in a folder that you may write to"
                raise StoreError(told, path=self.path) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, row: Prediction | Attribution) -> None:
        """One line more, out of this process's hands when this returns."""
        if self._file is not None and self.path is not None:
            self._check_present(self.path, self._file)
            self._file.write(f"{json.dumps(asdict(row), allow_nan=False)}\n".encode())
            self._file.flush()

    @staticmethod
    def _check_present(path: Path, file: BinaryIO) -> None:
        try:
            there = os.path.samestat(os.stat(path), os.fstat(file.fileno()))
        except OSError:
            there = False
        if not there:
            raise StoreError(
                "was removed or exchanged while rows were written into it, and what it held is not there any more; "
                "expected it to stay: put it back, and run the same command again to go on",
                path=path,
            )

    def _read(self, path: Path) -> None:
        """What has a row there."""
        if not path.is_file():
            raise StoreError(f"is no ordinary file; expected one that can be read again: {REMEDY}", path=path)
        self._written = path.stat().st_mtime
        with path.open("r+b") as file:
            latest = dict(self._stored(file))
        self._judged = frozenset(uri for uri, done in latest.items() if done and self._unchanged(uri))
        if left := len(self._judged):
            log.info(f"{left} {'picture has' if left == 1 else 'pictures have'} a row in {path} already")

    def _stored(self, file: BinaryIO) -> Iterator[tuple[str, bool]]:
        """Each row's name, and whether it is an answer."""
        whole = 0
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            yield self._row(number, line)
            whole += len(line)
        file.truncate(whole)

    def _row(self, number: int, line: bytes) -> tuple[str, bool]:
        try:
            row: Any = json.loads(line)
            uri, status, version = row["uri"], row["status"], row.get("schema_version", SCHEMA_VERSION)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            told = f"line {number} is no row ({line[:40]!r}); expected rows as JSON Lines: {REMEDY}"
            raise StoreError(told, path=self.path) from error
        if version != SCHEMA_VERSION or not isinstance(uri, str):
            told = f"line {number} is of {uri!r} with schema_version {version!r}, expected a name and {SCHEMA_VERSION}"
            raise StoreError(f"{told}: {REMEDY}", path=self.path)
        if status == "ok":
            self._check_alike(number, row)
        return uri, status == "ok"

    def _check_alike(self, number: int, row: dict[str, Any]) -> None:
        """A row of a former release does not state everything."""
        for name, allowed in self._expected.items():
            if name in row and row[name] not in allowed:
                told = f"line {number} was judged with {name} {row[name]!r}, this run judges with {name} "
                told += " or ".join(map(repr, allowed))
                raise StoreError(f"{told}: give the same --{name} to go on, or {REMEDY}", path=self.path)

    def _unchanged(self, uri: str) -> bool:
        try:
            found = os.stat(uri)
        except (OSError, ValueError):  # what is gone is not named again
            return True
        return max(found.st_mtime, found.st_ctime) <= self._written

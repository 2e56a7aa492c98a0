"""Rows as JSON Lines in a file that only grows, by which a run goes on after any end. Importing this loads no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from unprompt.errors import StoreError
from unprompt.types import SCHEMA_VERSION, Attribution, Prediction

REMEDY: Final = "name another file, or move this one away"


class RowFile:
    """A context in which each row is written as soon as it is there; without a path nothing is written.

    Half a line at the end, which a kill leaves, is cut off. StoreError for a file that holds anything but rows of this
    version, or that cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.uris: frozenset[str] = frozenset()
        """Whose rows are there."""
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self.path is not None:
            try:
                if self.path.exists():
                    with self.path.open("r+b") as former:
                        self.uris = frozenset(self._stored(former))
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
        if self._file is not None:
            self._file.write(f"{json.dumps(asdict(row), allow_nan=False)}\n".encode())
            self._file.flush()

    def _stored(self, file: BinaryIO) -> Iterator[str]:
        whole = 0
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            yield self._uri(number, line)
            whole += len(line)
        file.truncate(whole)

    def _uri(self, number: int, line: bytes) -> str:
        try:
            row: Any = json.loads(line)
            uri, version = row["uri"], row.get("schema_version", SCHEMA_VERSION)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            told = f"line {number} is no row ({line[:40]!r}); expected rows as JSON Lines: {REMEDY}"
            raise StoreError(told, path=self.path) from error
        if version != SCHEMA_VERSION or not isinstance(uri, str):
            told = f"line {number} has schema_version {version!r}, expected {SCHEMA_VERSION}: {REMEDY}"
            raise StoreError(told, path=self.path)
        return uri

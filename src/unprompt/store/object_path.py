"""Places in an object store, by fsspec: as much of pathlib as the store's code needs.

An object is put whole, or it is not there. Nothing that was listed is kept, since other processes write too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any, Final

from unprompt.errors import StoreError, UnpromptError
from unprompt.urls import open_filesystem

_ABSENT: Final = ""


class Overtaken(StoreError):
    """Another process wrote the object first."""


@dataclass(frozen=True, order=True)
class ObjectPath:
    """The object of a URL, or what lies below it."""

    url: str
    follows: str | None = None
    """The version that alone may be written over (see :meth:`pinned`); None = any."""

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> ObjectPath:
        return ObjectPath(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        return PurePosixPath(self.url).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.url).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.url).suffix

    @property
    def parent(self) -> ObjectPath:
        return ObjectPath(self.url.rpartition("/")[0])

    def relative_to(self, above: str) -> PurePosixPath:
        """The rest of the URL."""
        return PurePosixPath(self.url.removeprefix(f"{above}/"))

    def exists(self) -> bool:
        """Whether there is an object, or are some below."""
        return self._facts() is not None

    def is_file(self) -> bool:
        """Whether there is an object."""
        return (self._facts() or {}).get("type") == "file"

    def is_dir(self) -> bool:
        """Whether there are objects below."""
        return (self._facts() or {}).get("type") == "directory"

    def sizes(self) -> dict[str, int | None]:
        """Names of what lies below, with the bytes of objects and None for what has some below itself."""
        files, path = self._opened()
        with self._told("listed"):
            try:
                found = files.ls(path, detail=True)
            except FileNotFoundError:
                return {}
        below = [(one["name"].rstrip("/"), one) for one in found]
        return {
            name.rpartition("/")[2]: one["size"] if one["type"] == "file" else None
            for name, one in below
            if name != path.rstrip("/")
        }

    def iterdir(self) -> Iterator[ObjectPath]:
        """What lies below."""
        return (self / name for name in self.sizes())

    def glob(self, pattern: str) -> Iterator[ObjectPath]:
        """What lies below whose name matches, part by part."""
        first, _, rest = pattern.partition("/")
        if not rest and "*" not in first:
            yield from [self / first] if (self / first).exists() else []
            return
        for name, size in self.sizes().items():
            if fnmatchcase(name, first) and not rest:
                yield self / name
            elif fnmatchcase(name, first) and size is None:
                yield from (self / name).glob(rest)

    def size(self) -> int | None:
        """Bytes of the object; None when there is none."""
        facts = self._facts() or {}
        return facts["size"] if facts.get("type") == "file" else None

    def read_bytes(self, last: int | None = None) -> bytes:
        """The object, or its last bytes. Raises FileNotFoundError when there is none."""
        files, path = self._opened()
        with self._told("read"):
            # With a start s3fs asks once; without, for the size first, and for a large object piece by piece.
            return bytes(files.cat_file(path, start=0 if last is None else -last))

    def open(self, mode: str = "rb") -> BytesIO:
        """The object as a file in memory, to be read."""
        return BytesIO(self.read_bytes())

    def pinned(self) -> ObjectPath:
        """The same, to be written only as long as it is as now; else Overtaken is raised."""
        return replace(self, follows=self._version())

    def write_bytes(self, data: bytes) -> None:
        """Put the object, all or nothing."""
        files, path = self._opened()
        with self._told("written", missing=True):
            self._check_version()
            try:
                files.pipe_file(path, data, **self._condition())
            except Exception:
                self._check_version()
                raise

    def unlink(self) -> None:
        """Remove the object."""
        files, path = self._opened()
        with self._told("removed"):
            files.rm_file(path)

    def rmdir(self) -> None:
        """Nothing in an object store, which has no folders; fsspec's store in memory has."""
        files, path = self._opened()
        with suppress(OSError):
            files.rmdir(path)

    def _facts(self) -> dict[str, Any] | None:
        files, path = self._opened()
        with self._told("asked for"):
            try:
                facts: dict[str, Any] = files.info(path)
            except FileNotFoundError:
                return None
        return facts

    def _version(self) -> str:
        facts = self._facts()
        return _ABSENT if facts is None else str(facts.get("ETag") or sorted(map(str, facts.items())))

    def _check_version(self) -> None:
        if self.follows is not None and self._version() != self.follows:
            raise Overtaken(
                f"{self.url} was written by another run meanwhile, expected that runs begin one after the other: "
                "run the same command again"
            )

    @property
    def compares(self) -> bool:
        """Whether the store compares versions and writes in one step."""
        return "s3" in self._opened()[0].protocol

    def _condition(self) -> dict[str, str]:
        if self.follows is None or not self.compares:
            return {}
        return {"IfMatch": self.follows} if self.follows else {"IfNoneMatch": "*"}

    def _opened(self) -> tuple[Any, str]:
        scheme, _, rest = self.url.partition("://")
        with self._told("opened"):
            files = _filesystem(f"{scheme}://{rest.partition('/')[0]}", os.getpid())
        return files, files._strip_protocol(self.url)

    @contextmanager
    def _told(self, what: str, missing: bool = False) -> Iterator[None]:
        """StoreError for whatever goes wrong, but with ``missing=False`` FileNotFoundError."""
        try:
            yield
        except UnpromptError:
            raise
        except Exception as error:  # each store's package has errors of its own
            if isinstance(error, FileNotFoundError) and not missing:
                raise
            reason = " ".join(str(error).split())
            raise StoreError(
                f"{self.url} cannot be {what} ({type(error).__name__}: {reason}); expected an object store that this "
                "machine may read and write: check the bucket's name, the credentials and the network, then run the "
                "same command again"
            ) from error


@lru_cache(maxsize=64)
def _filesystem(bucket: str, process: int) -> Any:
    """One for all threads of a process, which a fork cannot share; fsspec alone would make one for each."""
    return open_filesystem(bucket, use_listings_cache=False)[0]

"""The pictures that come into watched folders, each once its writing is finished. Importing this loads no torch.

Folders are listed again and again: folders on a network tell nobody what comes into them, and the end of a writing is
seen by size and time alone wherever it happens.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from unprompt.datasets.files import FolderListing, listings, skipped
from unprompt.errors import DataError
from unprompt.types import Sample
from unprompt.workflows.prediction.inputs import Input

log = logging.getLogger(__name__)

SETTLED: Final = 2.0
"""Seconds for which size and time of a file must not change before its writing is taken for finished."""
PAUSE: Final = 0.5
"""Seconds between two looks."""
SHARE: Final = 10
"""A pause is at least so many times as long as the look before it, so that a huge or slow folder is not kept busy."""

State: TypeAlias = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


class Arrivals:
    """What has come into ``folders``; a file that changes after it was given is given again.

    ``done`` contains names of files that need not be given, as long as they do not change from now on; a file that is
    ``own`` never is. DataError for a path that is no folder.
    """

    def __init__(
        self, folders: Sequence[str | Path], done: Container[str] = (), own: Callable[[str], bool] = lambda path: False
    ) -> None:
        self._folders = tuple(str(one) for one in folders)
        if wrong := [one for one in self._folders if not os.path.isdir(one)]:
            raise DataError(f"--follow got {wrong[0]!r}, expected a folder that is there: make it, or correct its name")
        self._done, self._own = done, own
        self._seen: set[int] = set()
        """Hashes of names."""
        self._given: set[int] = set()
        """Hashes of name and state: a stream of years fits."""
        self._waiting: dict[str, tuple[State, float]] = {}
        self._unlisted: set[str] = set()
        self._skipped: set[int] = set()
        """Hashes of lines."""
        log.info(f"following {', '.join(map(repr, self._folders))}; Ctrl-C ends it")

    def wait(self) -> list[Input]:
        """Those that are ready as soon as there is one; their truth is unknown."""
        while not (paths := self.ready(began := time.monotonic())):
            time.sleep(max(PAUSE, SHARE * (time.monotonic() - began)))
        return [Input(Sample(path)) for path in paths]

    def ready(self, now: float) -> list[str]:
        """Paths of the files that have not changed for ``SETTLED`` seconds, in order; ``now`` is any steady clock's."""
        ready, waiting = [], {}
        for path, state in self._present():
            key = hash((path, state))
            if (name := hash(path)) not in self._seen:
                self._seen.add(name)
                if path in self._done:
                    self._given.add(key)
            if key in self._given:
                continue
            former, since = self._waiting.get(path, (None, now))
            if former != state:
                since = now
            if now - since >= SETTLED:
                self._given.add(key)
                ready.append(path)
            else:
                waiting[path] = state, since
        self._waiting = waiting
        return ready

    def _present(self) -> Iterator[tuple[str, State]]:
        for folder in self._folders:
            for listing in listings(folder, told=False):
                self._tell(listing)
                for name in listing.files:
                    path = os.path.join(listing.path, name)
                    if self._own(path):
                        continue
                    try:
                        # A link that leads nowhere becomes an error row, and is another file once it leads somewhere.
                        found = os.stat(path) if os.path.exists(path) else os.lstat(path)
                    except OSError:  # gone by now
                        continue
                    yield path, (found.st_size, found.st_mtime_ns)

    def _tell(self, listing: FolderListing) -> None:
        """One line for a folder that cannot be listed, until it can, for a network may come back; and for no files."""
        if listing.error is None:
            self._unlisted.discard(listing.path)
        elif listing.path not in self._unlisted:
            self._unlisted.add(listing.path)
            log.warning(f"{listing.error}; it is looked at again")
        if listing.others and (told := hash(skipped(listing))) not in self._skipped:
            self._skipped.add(told)
            log.info(skipped(listing))

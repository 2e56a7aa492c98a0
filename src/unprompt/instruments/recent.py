"""A small memory of what was made last, for several threads."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final, Generic, TypeVar

Made = TypeVar("Made")
KEPT: Final = 64
"""Entries: a panel's batch of pictures in two views each."""


class Recent(Generic[Made]):
    """Name -> what was made under it; of those that were not asked for longest the first ones are forgotten."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._made, self._lock = kept, OrderedDict[str, Made](), Lock()

    def get(self, name: str) -> Made | None:
        """None for what it does not remember."""
        with self._lock:
            if name in self._made:
                self._made.move_to_end(name)
            return self._made.get(name)

    def put(self, name: str, made: Made) -> None:
        """Remember it in place of what bore the name before."""
        with self._lock:
            self._made[name] = made
            self._made.move_to_end(name)
            while len(self._made) > self._kept:
                self._made.popitem(last=False)

"""Patterns of paths, as shells know them; ``**`` meets each real folder once, whatever links lead there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from glob import escape, glob, has_magic
from typing import Final

from unprompt.datasets.files import Litter, listings

_SEPARATORS: Final = f"[/{re.escape(os.sep)}]"
_DEEP: Final = re.compile(rf"(?:(?<={_SEPARATORS})|^)\*\*(?:{_SEPARATORS}+|$)")
"""The part of a pattern that stands for folders at any depth."""


def matches(pattern: str, told: bool = True) -> list[str]:
    """The files and folders that a pattern matches, sorted; those under ``**`` that cannot be listed are among them.

    What an operating system leaves behind is skipped, and one line logged of it if it is to be ``told``.
    """
    litter = Litter()
    try:
        found = [path for path in sorted(set(_matches(pattern, told))) if not litter.takes(os.path.basename(path))]
    except ValueError:  # a name that no file system takes
        return []
    if told:
        litter.log(pattern)
    return found


def _matches(pattern: str, told: bool) -> Iterator[str]:
    head, *rest = _DEEP.split(pattern, maxsplit=1)
    if not rest:
        yield from glob(pattern)
        return
    for base in glob(head) if has_magic(head) else [head]:
        for listing in listings(base, told=told) if os.path.isdir(base or os.curdir) else ():
            if listing.error is not None:
                yield listing.path
            elif rest[0]:
                yield from _matches(escape(os.path.join(listing.path, "")) + rest[0], told)
            else:
                yield from (os.path.join(listing.path, name) for name in listing.files)

"""Format x size x JPEG quality, for each label and generator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from unprompt.auditing.facts import FileFacts, Item
from unprompt.types import Label

SIDES: Final = (128, 256, 512, 1024, 2048)
"""Upper ends, in pixels, of the bins of the longer side; the last bin is open."""
QUALITIES: Final = (50, 70, 80, 90, 95)
"""Lower ends of the bins of JPEG quality; the first bin is open."""
COMMON: Final = 5
"""Exact sizes named for each group."""


@dataclass(frozen=True)
class Cell:
    """How many pictures of a group share a format, a bin of the longer side and a bin of JPEG quality."""

    format: str
    side: str
    quality: str
    pictures: int


@dataclass(frozen=True)
class Profile:
    """The files of one label and generator."""

    label: Label | None
    generator: str
    pictures: int
    """Those that could be read."""
    unreadable: int
    formats: dict[str, int]
    sizes: dict[str, int]
    """The commonest exact sizes, such as ``512x512``."""
    distinct_sizes: int
    side: tuple[int, int, int] | None
    """Least, median and greatest longer side in pixels; None without a picture."""
    quality: tuple[int, int, int] | None
    """Least, median and greatest JPEG quality; None without a JPEG."""
    cells: tuple[Cell, ...]


def profiles(items: Iterable[Item]) -> list[Profile]:
    """One profile for each label and generator: real ones first, then generated and unknown, by name."""
    groups: dict[tuple[int, str], list[Item]] = {}
    for item in items:
        order = 2 if item.label is None else item.label
        groups.setdefault((order, item.sample.generator), []).append(item)
    return [_profile(groups[key]) for key in sorted(groups)]


def side_bin(longer: int) -> str:
    """The bin of a longer side.

    >>> side_bin(256), side_bin(257), side_bin(4000)
    ('129-256', '257-512', 'above 2048')
    """
    place = int(np.searchsorted(SIDES, longer))
    if place == len(SIDES):
        return f"above {SIDES[-1]}"
    return f"{SIDES[place - 1] + 1}-{SIDES[place]}" if place else f"up to {SIDES[0]}"


def quality_bin(quality: int | None) -> str:
    """The bin of a JPEG quality; ``none`` for other formats.

    >>> quality_bin(None), quality_bin(49), quality_bin(94), quality_bin(95)
    ('none', 'below 50', '90-94', '95-100')
    """
    if quality is None:
        return "none"
    place = int(np.searchsorted(QUALITIES, quality, side="right"))
    if place == 0:
        return f"below {QUALITIES[0]}"
    return f"{QUALITIES[place - 1]}-{100 if place == len(QUALITIES) else QUALITIES[place] - 1}"


def _profile(items: Sequence[Item]) -> Profile:
    read = [item.facts for item in items if item.facts is not None]
    sizes = Counter(f"{one.width}x{one.height}" for one in read)
    counted = Counter((one.format, side_bin(max(one.width, one.height)), quality_bin(one.quality)) for one in read)
    return Profile(
        label=items[0].label,
        generator=items[0].sample.generator,
        pictures=len(read),
        unreadable=len(items) - len(read),
        formats=dict(Counter(one.format for one in read).most_common()),
        sizes=dict(sizes.most_common(COMMON)),
        distinct_sizes=len(sizes),
        side=_spread([max(one.width, one.height) for one in read]),
        quality=_spread(qualities(read)),
        cells=tuple(Cell(*key, pictures) for key, pictures in counted.most_common()),
    )


def qualities(read: Iterable[FileFacts]) -> list[int]:
    """JPEG quality of those that are JPEG."""
    return [one.quality for one in read if one.quality is not None]


def _spread(values: Sequence[int]) -> tuple[int, int, int] | None:
    return (min(values), int(np.median(values)), max(values)) if values else None

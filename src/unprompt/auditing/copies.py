"""Pictures that are in a dataset twice, equal or nearly so; and prompts that are in two splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unprompt.auditing.facts import FileFacts, Item
from unprompt.images import distance
from unprompt.types import Label, Split

RADIUS: Final = 4
"""Bits of 64 in which the perceptual hashes of near-duplicates differ at most."""

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copy:
    """One picture of a group of copies."""

    uri: str
    label: Label | None
    generator: str
    split: Split | None


@dataclass(frozen=True)
class Copies:
    """Pictures that show the same: ``exact`` = the same pixels, ``similar`` = perceptual hashes near each other."""

    kind: Literal["exact", "similar"]
    pictures: tuple[Copy, ...]

    @property
    def across_classes(self) -> bool:
        """Whether some are labelled real and some generated."""
        return len({one.label for one in self.pictures} - {None}) > 1

    @property
    def across_splits(self) -> bool:
        """Whether they lie in more than one split."""
        return len({one.split for one in self.pictures} - {None}) > 1


@dataclass(frozen=True)
class SharedPrompt:
    """A prompt that pictures of more than one split were made from."""

    prompt: str
    splits: dict[str, int]
    """Split -> number of pictures."""


def copies(items: Iterable[Item]) -> list[Copies]:
    """Every group of two pictures or more, exact ones first, in the order of the data.

    A group of similar pictures holds all that are linked by near hashes; one whose pixels are all equal is exact only.
    Pictures without any detail have no hash to compare.
    """
    known = [(item, item.facts) for item in items if item.facts is not None]
    _, exact = np.unique(np.array([facts.pixels for _, facts in known], str), return_inverse=True)
    detailed = [pair for pair in known if pair[1].hash]
    values = np.array([facts.hash for _, facts in detailed], np.uint64)
    unique, place = np.unique(values, return_inverse=True)
    return [
        *(_group("exact", members) for members in _gathered(known, exact)),
        *(
            _group("similar", members)
            for members in _gathered(detailed, linked(len(unique), near(unique))[place])
            if len({facts.pixels for _, facts in members}) > 1
        ),
    ]


def near(hashes: Hashes, radius: int = RADIUS) -> tuple[Indices, Indices]:
    """All pairs among N distinct hashes that differ in at most ``radius`` bits, as two arrays of places.

    Two such hashes agree in one of ``radius`` + 1 bands of bits at least, so only those that share a band's value are
    compared, all at once: 100,000 hashes take about a second.
    """
    ends = np.linspace(0, 64, radius + 2).astype(int)
    by_band = [_in_band(hashes, int(low), int(high), radius) for low, high in pairwise(ends)]
    first, second = (np.concatenate([pair[side] for pair in by_band]) for side in (0, 1))
    pairs = np.unique(np.stack([first, second], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _in_band(hashes: Hashes, low: int, high: int, radius: int) -> tuple[Indices, Indices]:
    """Near pairs that agree in the bits from ``low`` to ``high``."""
    band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
    order = np.argsort(band, kind="stable")
    ordered = band[order]
    last = np.searchsorted(ordered, ordered, side="right") - 1  # the end of each one's run of equal values
    start = np.arange(len(order))
    firsts, seconds = [start[:0]], [start[:0]]
    step = 1
    while len(start := start[start + step <= last[start]]):
        one, other = order[start], order[start + step]
        close = distance(hashes[one], hashes[other]) <= radius
        firsts.append(np.minimum(one, other)[close])
        seconds.append(np.maximum(one, other)[close])
        step += 1
    return np.concatenate(firsts), np.concatenate(seconds)


def linked(number: int, pairs: tuple[Indices, Indices]) -> Indices:
    """The group of each of ``number`` items, when those of each pair belong together."""
    ones = np.ones(len(pairs[0]), np.int8)
    _, groups = connected_components(coo_array((ones, pairs), shape=(number, number)), directed=False)
    return np.asarray(groups, np.int64)


def shared_prompts(items: Iterable[Item]) -> list[SharedPrompt]:
    """Prompts, whatever their case and spacing, of pictures in more than one split; the most used first."""
    uses: dict[str, Counter[str]] = {}
    spelt: dict[str, str] = {}
    for item in items:
        if item.sample.prompt and item.split is not None:
            key = " ".join(item.sample.prompt.casefold().split())
            spelt.setdefault(key, item.sample.prompt)
            uses.setdefault(key, Counter())[item.split] += 1
    shared = [SharedPrompt(spelt[key], dict(sorted(splits.items()))) for key, splits in uses.items() if len(splits) > 1]
    return sorted(shared, key=lambda one: -sum(one.splits.values()))


def _gathered(known: Sequence[tuple[Item, FileFacts]], group: Indices) -> list[list[tuple[Item, FileFacts]]]:
    """The members of every group of two or more, groups in the order of their first member."""
    gathered: dict[int, list[tuple[Item, FileFacts]]] = {}
    for pair, number in zip(known, group.tolist(), strict=True):
        gathered.setdefault(number, []).append(pair)
    return [members for members in gathered.values() if len(members) > 1]


def _group(kind: Literal["exact", "similar"], members: Sequence[tuple[Item, FileFacts]]) -> Copies:
    samples = [(item.sample, item.split) for item, _ in members]
    return Copies(kind, tuple(Copy(one.uri, one.label, one.generator, split) for one, split in samples))

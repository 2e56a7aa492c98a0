"""Which pictures make which row of a table: each picture once, each generator against the reals it is paired with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.datasets import partners
from unprompt.errors import DataError
from unprompt.evaluation.arrays import Flags, Floats
from unprompt.evaluation.curve import Counts

UNKNOWN: Final = "unknown"
"""Row of the generated pictures whose generator has no name."""
MACRO: Final = "macro"
POOLED: Final = "pooled"
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class GeneratorRow:
    """The pictures of one row, as places among the different pictures."""

    members: npt.NDArray[np.intp]
    n_failed: int
    n_copies: int
    """Pictures left out because the row has another with the same pixels and label."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """U different pictures with a score, and the rows that they make."""

    generated: Flags
    places: npt.NDArray[np.intp]
    """Where each one first stands in the columns that were given."""
    rows: Mapping[str, GeneratorRow]
    """By generator, then ``pooled``."""
    strata: tuple[npt.NDArray[np.intp], ...]
    """Pictures of one class and of the same rows: what is drawn together when pictures are drawn anew."""

    def draws(self, repeats: int, seed: int) -> Iterator[Counts]:
        """U counts each, with replacement inside each stratum, so that every row keeps its number of both classes."""
        rng = np.random.default_rng(seed)
        for _ in range(repeats):
            counts = np.zeros(self.generated.size, np.int64)
            for members in self.strata:
                drawn = rng.integers(members.size, size=members.size)
                counts[members] = np.bincount(drawn, minlength=members.size)
            yield counts


def group_rows(
    generated: Flags,
    failed: Flags,
    generators: Sequence[str],
    pixels: Sequence[str | None] | None = None,
    pairs: Mapping[str, str] = NOTHING,
) -> Pictures:
    """N pictures -> rows. Pictures with one label and the same ``pixels`` are one; without ``pixels`` none are.

    The reals of a generator are those of the collection that ``pairs`` names for it; else those that its benchmark
    pairs it with (:func:`unprompt.datasets.partners`): of its own name, shared, or all. A row without a class raises
    :class:`DataError`.
    """
    names = np.array([name or (UNKNOWN if label else "") for name, label in zip(generators, generated, strict=True)])
    told = [None] * len(names) if pixels is None else pixels
    keys = [
        (bool(label), one) if one else place for place, (label, one) in enumerate(zip(generated, told, strict=True))
    ]
    sounds = [place for place in range(len(names)) if not failed[place]]
    home: dict[object, int] = {}
    for place in sounds:
        home.setdefault(keys[place], len(home))
    where = np.full(len(names), -1)
    where[sounds] = [home[keys[place]] for place in sounds]
    chosen = {
        str(name): (generated & (names == name)) | _reals(generated, names, str(name), pairs)
        for name in np.unique(names[generated])
    }
    rows = {name: _row(where, failed, members) for name, members in chosen.items()}
    rows[POOLED] = _row(where, failed, np.ones_like(failed))
    places = np.zeros(len(home), np.intp)
    places[where[sounds][::-1]] = sounds[::-1]  # the first of several copies is written last
    found = Pictures(generated[places], places, rows, _strata(generated[places], rows))
    _check(found)
    return found


def _reals(generated: Flags, names: npt.NDArray[np.str_], name: str, pairs: Mapping[str, str]) -> Flags:
    collections = sorted(set(names[~generated].tolist()))
    if name in pairs and pairs[name] not in collections:
        there = ", ".join(collections) or "none"
        raise DataError(f"{name} is paired with the reals of {pairs[name]!r}, there are {there}: mend the pair")
    own = {pairs[name]} if name in pairs else partners(name, collections)
    return np.asarray(~generated & np.isin(names, list(own)), np.bool_)


def _row(where: npt.NDArray[np.intp], failed: Flags, members: Flags) -> GeneratorRow:
    sound = where[members & ~failed]
    unique = np.unique(sound)
    return GeneratorRow(unique, int((members & failed).sum()), int(sound.size - unique.size))


def _strata(generated: Flags, rows: Mapping[str, GeneratorRow]) -> tuple[npt.NDArray[np.intp], ...]:
    key = generated.astype(np.intp)
    for row in rows.values():
        inside = np.zeros(key.size, np.intp)
        inside[row.members] = 1
        key = np.unique(2 * key + inside, return_inverse=True)[1]
    return tuple(np.flatnonzero(key == one) for one in np.unique(key))


def _check(found: Pictures) -> None:
    for name, row in found.rows.items():
        labels = found.generated[row.members]
        n_real, n_generated = int((~labels).sum()), int(labels.sum())
        if not (n_real and n_generated):
            raise DataError(
                f"{'all generators' if name == POOLED else name}: {n_real} real and {n_generated} generated pictures "
                f"have a score, {row.n_failed} failed; at least one of each is needed: add pictures, or see why they "
                "failed"
            )


def column(values: Sequence[float | None] | Floats, places: npt.NDArray[np.intp]) -> Floats:
    """The values of the different pictures."""
    return np.array([values[place] for place in places], np.float64)

"""Which pictures make which row of a table: each picture once, each generator against the reals it is paired with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.datasets.pairs import NO_PAIRS, members_by_generator
from unprompt.errors import DataError
from unprompt.evaluation.arrays import Flags
from unprompt.evaluation.bootstrap import resamples
from unprompt.evaluation.curve import Counts

MACRO: Final = "macro"
POOLED: Final = "pooled"


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
        return resamples(self.strata, repeats, seed)


def group_rows(
    generated: Flags,
    failed: Flags,
    generators: Sequence[str],
    pixels: Sequence[str | None] | None = None,
    pairs: Mapping[str, str] = NO_PAIRS,
) -> Pictures:
    """N pictures -> rows. Pictures with one label and the same ``pixels`` are one; without ``pixels`` none are.

    The reals of a generator are those of the collection that ``pairs`` names for it; else those that its benchmark
    pairs it with (:func:`unprompt.datasets.partners`): of its own name, shared, or all. A row without a class raises
    :class:`DataError`.
    """
    hashes = [None] * len(generators) if pixels is None else pixels
    keys = [
        (bool(label), one) if one else place for place, (label, one) in enumerate(zip(generated, hashes, strict=True))
    ]
    scored = np.flatnonzero(~failed).tolist()
    home: dict[object, int] = {}
    for place in scored:
        home.setdefault(keys[place], len(home))
    where = np.full(len(keys), -1)
    where[scored] = [home[keys[place]] for place in scored]
    chosen = members_by_generator(generated, generators, pairs)
    rows = {name: _row(where, failed, members) for name, members in chosen.items()}
    rows[POOLED] = _row(where, failed, np.ones_like(failed))
    places = np.zeros(len(home), np.intp)
    places[where[scored][::-1]] = scored[::-1]  # the first of several copies is written last
    found = Pictures(generated[places], places, rows, _strata(generated[places], rows))
    _check(found)
    return found


def _row(where: npt.NDArray[np.intp], failed: Flags, members: Flags) -> GeneratorRow:
    scored = where[members & ~failed]
    unique = np.unique(scored)
    return GeneratorRow(unique, int((members & failed).sum()), int(scored.size - unique.size))


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

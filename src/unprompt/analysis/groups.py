"""Generators, each beside the real pictures that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unprompt.datasets import members_by_generator
from unprompt.errors import DataError
from unprompt.types import GENERATED

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Group:
    """One generator's values and those of its real pictures."""

    generator: str
    real: Floats
    generated: Floats


def groups(labels: Sequence[int], generators: Sequence[str], values: Sequence[float]) -> Iterator[Group]:
    """By generator, sorted; :class:`DataError` when a class is missing."""
    numbers, generated = np.asarray(values, np.float64), np.asarray(labels) == GENERATED
    n_real, n_generated = int((~generated).sum()), int(generated.sum())
    if not (n_real and n_generated):
        raise DataError(f"got {n_real} real and {n_generated} generated pictures, expected some of each: add pictures")
    for name, members in members_by_generator(generated, generators).items():
        yield Group(name, numbers[members & ~generated], numbers[members & generated])

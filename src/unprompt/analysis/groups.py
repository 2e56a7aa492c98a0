"""Generators, each beside the real pictures that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unprompt.datasets import partners
from unprompt.errors import DataError
from unprompt.types import GENERATED, REAL

Floats = npt.NDArray[np.float64]
NAMELESS = "unknown"


@dataclass(frozen=True, eq=False)
class Group:
    """One generator's values and those of its real pictures."""

    generator: str
    real: Floats
    generated: Floats


def groups(labels: Sequence[int], generators: Sequence[str], values: Sequence[float]) -> Iterator[Group]:
    """By generator, sorted; :class:`DataError` when a class is missing."""
    numbers, truth, names = np.asarray(values, np.float64), np.asarray(labels), np.asarray(generators, dtype=object)
    n_real, n_generated = int((truth == REAL).sum()), int((truth == GENERATED).sum())
    if not (n_real and n_generated):
        raise DataError(f"got {n_real} real and {n_generated} generated pictures, expected some of each: add pictures")
    collections = {str(name) for name in names[truth == REAL]}
    for name in sorted({str(one) for one in names[truth == GENERATED]}):
        beside = np.isin(names.astype(str), sorted(partners(name, collections))) & (truth == REAL)
        yield Group(name or NAMELESS, numbers[beside], numbers[(names == name) & (truth == GENERATED)])

"""Which real pictures a generator's are measured against: everywhere by this rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.datasets.diffusionforensics import DIFFUSIONFORENSICS
from unprompt.datasets.drct import DRCT
from unprompt.datasets.universal import UNIVERSAL
from unprompt.errors import DataError
from unprompt.generators import matching_names

PAIRS: Final = MappingProxyType({**DIFFUSIONFORENSICS.pairs, **DRCT.pairs, **UNIVERSAL.pairs})
"""Generator -> collections of real pictures that it shares with other generators."""
NO_PAIRS: Final[Mapping[str, str]] = MappingProxyType({})
UNKNOWN: Final = "unknown"
"""Name of the generator of generated pictures that name none."""


def partners(generator: str, collections: Collection[str], pairs: Mapping[str, str] = NO_PAIRS) -> frozenset[str]:
    """Those of ``collections`` of real pictures that belong to ``generator``.

    The one that ``pairs`` names, DataError if it is not there; else its own, as most benchmarks have them; else the
    shared ones of :data:`PAIRS`; else, as in a plain folder, all.

    >>> [sorted(partners(name, ["imagenet", "laion", "progan"])) for name in ("progan", "dalle", "my-model")]
    [['progan'], ['laion'], ['imagenet', 'laion', 'progan']]
    """
    there = frozenset(collections)
    if named := matching_names(generator, pairs):
        if pairs[named[0]] not in there:
            raise DataError(
                f"{generator} is paired with the reals of {pairs[named[0]]!r}, there are "
                f"{', '.join(sorted(there)) or 'none'}: mend the pair"
            )
        return frozenset({pairs[named[0]]})
    return there & {generator} or there & PAIRS.get(generator, frozenset()) or there


def members_by_generator(
    generated: npt.NDArray[np.bool_], names: Sequence[str], pairs: Mapping[str, str] = NO_PAIRS
) -> dict[str, npt.NDArray[np.bool_]]:
    """Generator, sorted -> which of N pictures are its own or its real ones; names are generators and collections."""
    clean = [name if name != UNKNOWN else "" for name in names]  # tables write it for real pictures without a name too
    known = np.array([name or (UNKNOWN if made else "") for name, made in zip(clean, generated, strict=True)], np.str_)
    collections = set(known[~generated].tolist())
    return {
        name: generated & (known == name) | ~generated & np.isin(known, list(partners(name, collections, pairs)))
        for name in np.unique(known[generated]).tolist()
    }

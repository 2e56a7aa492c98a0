"""Which real pictures a generator's are measured against, where one real folder serves several generators."""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType
from typing import Final

from unprompt.datasets.diffusionforensics import DIFFUSIONFORENSICS
from unprompt.datasets.drct import DRCT
from unprompt.datasets.universal import UNIVERSAL

PAIRS: Final = MappingProxyType({**DIFFUSIONFORENSICS.pairs, **DRCT.pairs, **UNIVERSAL.pairs})
"""Generator -> collections of real pictures that it shares with other generators."""


def partners(generator: str, collections: Collection[str]) -> frozenset[str]:
    """Those of ``collections`` of real pictures that belong to ``generator``.

    Its own, as most benchmarks have them; else the shared ones of :data:`PAIRS`; else, as in a plain folder, all.

    >>> [sorted(partners(name, ["imagenet", "laion", "progan"])) for name in ("progan", "dalle", "my-model")]
    [['progan'], ['laion'], ['imagenet', 'laion', 'progan']]
    """
    there = frozenset(collections)
    return there & {generator} or there & PAIRS.get(generator, frozenset()) or there

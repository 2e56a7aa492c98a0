"""The papers' robustness grids, by name: what ``evaluate --robustness`` runs through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from unprompt.errors import OptionError
from unprompt.perturbations.chain import Chain

_SARE: Final = ("jpeg:90", "jpeg:80", "jpeg:70", "scale:0.75", "scale:1.25")
_FLIPS: Final = ("flip:3", "flip:6")
_SEMGIR: Final = ("jpeg:90", "jpeg:70", "jpeg:50")
_NOISE: Final = ("0.001", "0.005", "0.01")
"""TIDY's and ITEM's "sigma", of which neither says what it measures.
Sigma alone is a standard deviation, as of their own blur: so here by default. At 0.001 that changes 5 % of the values
by one step of 255; as the variance that the noise functions of libraries take it is 8 steps, and 26 at 0.01."""
_SMOOTH: Final = ("blur:1", "blur:2", "blur:3", "jpeg:75", "jpeg:50", "jpeg:25")
_TIDY: Final = (*(f"noise:{value}" for value in _NOISE), *_SMOOTH)
_TIDY_VARIANCE: Final = (*(f"noise-variance:{value}" for value in _NOISE), *_SMOOTH)

GRIDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sare": _SARE,  # tables 7 and 8
        "sare-flips": _FLIPS,  # figure 16
        "semgir": _SEMGIR,  # table 2, whose qualities are not in our text: ours
        "tidy": _TIDY,  # figure 3
        "tidy-variance": _TIDY_VARIANCE,
        "item": _TIDY,  # figure 4
        "item-variance": _TIDY_VARIANCE,
        "papers": tuple(dict.fromkeys((*_SARE, *_FLIPS, *_SEMGIR, *_TIDY))),
    }
)
"""Name -> chains, in the papers' order."""


def grid(names: Iterable[str]) -> list[Chain]:
    """The chains that names of grids or ``name:value`` texts stand for, each once, in order.

    >>> [str(chain) for chain in grid(["sare-flips", "flip:3", "jpeg:80,blur:1"])]
    ['flip:3', 'flip:6', 'jpeg:80,blur:1']
    """
    entries = list(names)
    for name in entries:
        if name not in GRIDS and ":" not in name:
            raise OptionError(f"--robustness names {name!r}, expected one of {', '.join(GRIDS)}, or name:value")
    texts = [text for name in entries for text in GRIDS.get(name, (name,))]
    return list(dict.fromkeys(Chain.parse(text) for text in texts))

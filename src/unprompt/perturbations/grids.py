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
_TIDY: Final = (
    *("noise:0.001", "noise:0.005", "noise:0.01"),
    *("blur:1", "blur:2", "blur:3"),
    *("jpeg:75", "jpeg:50", "jpeg:25"),
)

GRIDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sare": _SARE,  # tables 7 and 8
        "sare-flips": _FLIPS,  # figure 16
        "semgir": _SEMGIR,  # table 2, whose qualities are not in our text: ours
        "tidy": _TIDY,  # figure 3; "sigma" of the noise is read as a standard deviation
        "item": _TIDY,  # figure 4
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

"""Which methods there are. Names load nothing; asking for a class imports its file, and torch with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from unprompt.errors import CheckpointError, OptionError

if TYPE_CHECKING:
    from unprompt.detectors.base import Detector
    from unprompt.instruments import Suite

_FILES: Final = {
    "sare": "sare:SareDetector",
    "semgir": "semgir:SemgirDetector",
    "tidy": "tidy:TidyDetector",
    "item": "item:ItemDetector",
    "panel": "panel:Panel",
    "clip-probe": "probe:ClipProbe",
    "trivial-energy": "trivial:EnergyDetector",
    "trivial-thumbnail": "trivial:ThumbnailDetector",
    "trivial-metadata": "trivial:MetadataDetector",
}


class Methods(Mapping[str, "type[Detector[Any, Any]]"]):
    """Name -> class, imported when it is asked for; :class:`OptionError` for a name that is none."""

    def __getitem__(self, name: str) -> type[Detector[Any, Any]]:
        if name not in _FILES:
            raise OptionError(f"method is {name!r}, expected one of {', '.join(_FILES)}")
        file, made = _FILES[name].split(":")
        found: type[Detector[Any, Any]] = getattr(import_module(f"unprompt.detectors.{file}"), made)
        return found

    def __contains__(self, name: object) -> bool:
        return name in _FILES

    def __iter__(self) -> Iterator[str]:
        return iter(_FILES)

    def __len__(self) -> int:
        return len(_FILES)


METHODS: Final = Methods()


def load(path: Path | str, suite: Suite) -> Detector[Any, Any]:
    """The detector in a checkpoint, of whatever method; :class:`CheckpointError` when it does not fit the suite."""
    from unprompt.detectors import checkpoint  # here, so that names alone import no torch

    method = checkpoint.read_header(Path(path)).method
    if method not in METHODS:
        raise CheckpointError(f"{path} holds the method {method!r}, this edition knows {', '.join(METHODS)}")
    return METHODS[method].load(path, suite)

"""What a suite's heads said of a few pictures that lie beside it, so that any machine can see if it says the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from unprompt.detectors.registry import ATTRIBUTORS, load, load_attributor
from unprompt.errors import SuiteError
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import read
from unprompt.store.files import write_aside
from unprompt.types import Picture

if TYPE_CHECKING:
    from unprompt.instruments import Suite

FOLDER: Final = "golden"
"""Beside the suite's file: the pictures, and what was said of them."""
FILE: Final = "golden.json"
REMEDY: Final = "reinstall the package, or make the suite's golden scores again by its recipe"
TOLERANCE: Final = 0.02
"""Difference of a probability that other processors and libraries may make; another model makes a larger one."""


@dataclass(frozen=True)
class Golden:
    """Pictures by their name in the folder, and the calibrated probabilities of every method."""

    pixels: Mapping[str, str]
    """Name -> hash of the decoded pixels, which also seeds the noise."""
    probabilities: Mapping[str, Mapping[str, float]]
    """Method -> name -> probability of "generated" at prior 0.5; of an attributor, that of its highest candidate."""

    @classmethod
    def measure(cls, suite: Suite, folder: Path, names: Sequence[str]) -> Self:
        """Ask all of the suite's heads about the pictures of these names in ``folder``."""
        cache = ProductCache(opened(folder, names), suite)
        said = {method: asked(suite, method, cache) for method in sorted(suite.heads)}
        return cls(dict(zip(names, cache.pixels, strict=True)), said)

    def write(self, folder: Path) -> None:
        """Store it beside its pictures."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
        write_aside(folder / FILE, lambda file: file.write(text.encode("ascii")))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What ``write`` stored; :class:`SuiteError` when it is missing or damaged."""
        path = folder / FILE
        try:
            found = cls(**json.loads(path.read_text("ascii")))
            sound = bool(found.pixels) and all(
                one.keys() == found.pixels.keys() for one in found.probabilities.values()
            )
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SuiteError(f"{path}: no sound golden scores ({error}); {REMEDY}") from error
        if not sound:
            raise SuiteError(f"{path}: not every method has a score of every picture, expected one of each; {REMEDY}")
        return found


def opened(folder: Path, names: Sequence[str]) -> list[Picture]:
    """The pictures of these names in ``folder``."""
    return [read(folder / name, name) for name in names]


def asked(suite: Suite, method: str, cache: ProductCache) -> dict[str, float]:
    """Name -> calibrated probability of each picture on the bench, by the suite's head of one method."""
    path = suite.head(method)
    if method in ATTRIBUTORS:
        attributor = load_attributor(path, suite)
        told = attributor.probabilities(attributor.logits(attributor.extractor.extract(cache))).max(axis=1)
    else:
        detector = load(path, suite)
        told = detector.probability(detector.logits(detector.extractor.extract(cache)))
    return dict(zip((picture.uri for picture in cache.pictures), told.tolist(), strict=True))

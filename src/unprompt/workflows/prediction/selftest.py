"""``unprompt doctor --selftest``: do a suite's heads give the same scores here as where it was made?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from unprompt.detectors import ATTRIBUTORS
from unprompt.detectors.golden import FOLDER, REMEDY, TOLERANCE, Golden
from unprompt.errors import SuiteError
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.workflows.prediction.attributor_head import AttributorHead
from unprompt.workflows.prediction.detector_head import DetectorHead
from unprompt.workflows.prediction.heads import Head


def checks(suite: Suite) -> Iterator[tuple[str, Callable[[], str]]]:
    """Name and check of the suite's pictures and of each head; a check returns its result in words, or raises.

    A suite without heads has nothing to compare. Passed is a head whose probabilities all lie within ``TOLERANCE``
    of the golden ones.
    """
    if suite.heads:
        test = Selftest(suite)
        yield f"{suite.name}: selftest, pictures", test.pictures
        for method in sorted(suite.heads):
            yield f"{suite.name}: selftest, {method}", partial(test.method, method)


def measure(suite: Suite, folder: Path, names: Sequence[str]) -> Golden:
    """Golden scores of the pictures of these names in ``folder``, by all of the suite's heads."""
    cache = ProductCache([read(folder / name, name) for name in names], suite)
    by_method = {method: probabilities(suite, method, cache) for method in sorted(suite.heads)}
    return Golden(dict(zip(names, cache.pixels, strict=True)), by_method)


def probabilities(suite: Suite, method: str, cache: ProductCache) -> dict[str, float]:
    """Name -> calibrated probability of each picture, by the suite's head of one method."""
    head: Head[Any] = (AttributorHead if method in ATTRIBUTORS else DetectorHead)(suite, method)
    names = (picture.uri for picture in cache.pictures)
    return dict(zip(names, head.probabilities(cache).tolist(), strict=True))


class Selftest:
    """One suite, its golden scores, and one product cache for all methods."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.folder = suite.manifest.file.parent / FOLDER

    @cached_property
    def golden(self) -> Golden:
        """What is expected."""
        return Golden.read(self.folder)

    @cached_property
    def cache(self) -> ProductCache:
        """The golden pictures."""
        return ProductCache([read(self.folder / name, name) for name in self.golden.pixels], self.suite)

    def pictures(self) -> str:
        """The pictures decode to the very pixels, which also seed the noise; SuiteError for others."""
        for picture in self.cache.pictures:
            if picture.pixels != (expected := self.golden.pixels[picture.uri]):
                raise SuiteError(
                    f"{self.folder / picture.uri} decodes to the pixels {picture.pixels[:12]}, expected "
                    f"{expected[:12]}: the file was changed, or this Pillow decodes otherwise; {REMEDY}"
                )
        return f"{len(self.golden.pixels)} pictures decode to the same pixels"

    def method(self, method: str) -> str:
        """The largest difference in words; SuiteError for one above ``TOLERANCE``."""
        if (expected := self.golden.probabilities.get(method)) is None:
            raise SuiteError(f"{self.folder} has no golden scores of {method}; {REMEDY}")
        scores = probabilities(self.suite, method, self.cache)
        name = max(expected, key=lambda one: abs(scores[one] - expected[one]))
        difference = abs(scores[name] - expected[name])
        if difference > TOLERANCE:
            raise SuiteError(
                f"{method} gives {scores[name]:.4f} for {name}, expected {expected[name]:.4f} +- {TOLERANCE}: these "
                f"are not the weights, or not the libraries, that the suite was made with; {REMEDY}"
            )
        return f"largest difference {difference:.1e} on {len(expected)} pictures, at most {TOLERANCE} is expected"

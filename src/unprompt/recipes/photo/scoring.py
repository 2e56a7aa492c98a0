"""Traces and logits of every picture under each condition, by nets that saw neither its generator nor collection."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.detectors.base import Detector
from unprompt.evidence.pixels import LOSSLESS, PixelEvidence
from unprompt.evidence.traces import middle, traces
from unprompt.images import hash_pixels
from unprompt.perturbations.degradation import condition as changing
from unprompt.recipes.photo.sources import Photograph
from unprompt.types import Picture

log = logging.getLogger(__name__)

Floats: TypeAlias = npt.NDArray[np.float64]
Nets: TypeAlias = Mapping[int, Detector[Any, Any]]
"""Fold -> the detector that never saw it."""
Compute: TypeAlias = Callable[[Photograph, Picture], Any]
CONDITION_SEED: Final = 31
CHUNK: Final = 16


@dataclass(frozen=True)
class Seen:
    """One condition's pictures, in the order of the data."""

    traces: npt.NDArray[np.float32]
    """N x width."""
    patches: Floats
    """N logits of the method ``patches``."""


def see(rows: Sequence[Photograph], patches: Nets, condition: str, cache: Path) -> Seen:
    """Traces and patches of every picture under ``condition``; what is in ``cache`` is not computed again."""

    def answer(one: Photograph, picture: Picture) -> npt.NDArray[np.float64]:
        return patches[one.fold].logits([PixelEvidence(picture.rgb)])

    def describe(one: Photograph, picture: Picture) -> npt.NDArray[np.float32]:
        return traces(middle(picture.rgb))

    described = _cached(rows, condition, describe, cache / "traces")
    return Seen(described, _cached(rows, condition, answer, cache / "patches")[:, 0])


def _cached(rows: Sequence[Photograph], condition: str, compute: Compute, folder: Path) -> Any:
    path = folder / f"{condition.replace(':', '-')}.npy"
    if not path.exists():
        results = []
        for one, picture in zip(rows, _changed(rows, condition), strict=True):
            results.append(compute(one, picture))
            if len(results) % 200 == 0 or len(results) == len(rows):
                log.info(f"{folder.name}, {condition}: {len(results)} of {len(rows)}")
        folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".tmp.npy")
        np.save(aside, np.stack(results))
        aside.replace(path)
    return np.load(path)


def drawn(condition: str, picture: Picture) -> Picture:
    """The picture as a condition leaves it."""
    rng = np.random.default_rng([picture.seed, CONDITION_SEED])
    rgb = changing(condition)(picture.rgb, picture.format in LOSSLESS, rng)
    return replace(picture, rgb=rgb, pixels=hash_pixels(rgb))


def _changed(rows: Sequence[Photograph], condition: str) -> Iterator[Picture]:
    """Read and changed beside the nets' work."""
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(rows), CHUNK):
            yield from pool.map(lambda one: drawn(condition, one.read()), rows[start : start + CHUNK])

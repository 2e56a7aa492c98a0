"""What the nets are trained on: each picture degraded several times, described by its traces and cut.

One file a picture in the cache, named by its pixels and by what was done, so that an interrupted run goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from unprompt.evidence.pixels import LOSSLESS
from unprompt.evidence.traces import traces
from unprompt.images import resize
from unprompt.perturbations.degradation import DegradationPipeline
from unprompt.recipes.photo.sources import Photograph
from unprompt.store import write_aside
from unprompt.types import RGB

log = logging.getLogger(__name__)

VERSION: Final = 2
"""Raised when a picture is degraded, described or cut otherwise."""
VIEWS: Final = 8
"""Times that a picture is degraded."""
CUTS: Final = 2
"""Patches that are cut out of each."""
TONED: Final = 0.1
"""Share of the views that are turned grey or toned."""
SIDE: Final = 128
"""Side of a patch."""


@dataclass(frozen=True)
class TrainingViews:
    """The degraded views of one picture."""

    traces: npt.NDArray[np.float32]
    """VIEWS x width."""
    patches: npt.NDArray[np.uint8]
    """VIEWS * CUTS x SIDE x SIDE x 3."""


def prepare(rows: Sequence[Photograph], cache: Path, workers: int) -> list[TrainingViews]:
    """The views of every picture, in order; what is in ``cache`` is not made again."""
    cache.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with ProcessPoolExecutor(workers) as pool:
        for path in pool.map(_prepared, rows, [cache] * len(rows), chunksize=4):
            files.append(path)
            if len(files) % 100 == 0 or len(files) == len(rows):
                log.info(f"degraded {len(files)} of {len(rows)}")
    return [TrainingViews(**load_file(path)) for path in files]


def _prepared(one: Photograph, cache: Path) -> Path:
    picture = one.read()
    path = cache / f"{picture.pixels}-{VERSION}.safetensors"
    if not path.exists():
        views = degraded(picture.rgb, picture.format in LOSSLESS, picture.seed)
        write_aside(path, methodcaller("write", save(vars(views))))
    return path


def degraded(rgb: RGB, lossless: bool, seed: int) -> TrainingViews:
    """VIEWS degraded views of a picture, each drawn from its seed and the view's number."""
    pipeline = DegradationPipeline(tone=TONED)
    vectors, patches = [], []
    for view in range(VIEWS):
        rng = np.random.default_rng([seed, view])
        crop = pipeline.apply(rgb, lossless, rng)
        vectors.append(traces(crop))
        patches += [_cut(crop, rng) for _ in range(CUTS)]
    return TrainingViews(np.stack(vectors), np.stack(patches))


def _cut(crop: RGB, rng: np.random.Generator) -> RGB:
    height, width = crop.shape[:2]
    if min(height, width) < SIDE:
        crop = resize(crop, max(width, SIDE), max(height, SIDE))
    return random_crop(crop, SIDE, rng)


def random_crop(rgb: RGB, side: int, rng: np.random.Generator) -> RGB:
    """A window of side x side of a picture that is no smaller."""
    top, left = (int(rng.integers(length - side + 1)) for length in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top : top + side, left : left + side])

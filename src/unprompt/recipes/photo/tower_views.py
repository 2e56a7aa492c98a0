"""What the vision tower sees of each picture: of training pictures degraded views, of all of them under a condition.

One file a picture in the cache, so that an interrupted run goes on.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.evidence.pixels import LOSSLESS
from unprompt.evidence.views import views
from unprompt.images import centre_square
from unprompt.instruments.unimodal import VisionEncoder
from unprompt.perturbations.degradation import DegradationPipeline
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.sources import Photograph
from unprompt.recipes.photo.training_views import TONED
from unprompt.types import RGB, Picture

log = logging.getLogger(__name__)

Tokens: TypeAlias = npt.NDArray[np.float16]
"""Views x layers x width: the CLS token after each layer."""
Crops: TypeAlias = Callable[[Picture], list[RGB]]
VERSION: Final = 1
"""Raised when the crops change."""
VIEWS: Final = 4
"""Times that a training picture is degraded."""
LARGEST: Final = 1024
"""Side in pixels of the largest part of a picture that is made smaller to the tower's."""


def training_crops(picture: Picture, side: int) -> list[RGB]:
    """VIEWS degraded crops: every other one at the resolution that it was published in, the rest of a larger part."""
    crops = []
    for view in range(VIEWS):
        rng = np.random.default_rng([picture.seed, view])
        part = side if view % 2 == 0 else round(float(np.exp(rng.uniform(np.log(side), np.log(LARGEST)))))
        pipeline = DegradationPipeline(side=part, tone=TONED)
        crops.append(centre_square(pipeline.apply(picture.rgb, picture.format in LOSSLESS, rng), side))
    return crops


def training_tokens(rows: Sequence[Photograph], tower: VisionEncoder, cache: Path) -> list[Tokens]:
    """VIEWS views of each picture."""
    return _cached(rows, tower, cache / f"degraded-{VERSION}", lambda picture: training_crops(picture, tower.side))


def tokens_under(condition: str, rows: Sequence[Photograph], tower: VisionEncoder, cache: Path) -> list[Tokens]:
    """The views of each picture, as ``condition`` leaves it, that a verdict is made of."""

    def crops(picture: Picture) -> list[RGB]:
        return views(drawn(condition, picture).rgb, tower.side)

    return _cached(rows, tower, cache / f"{condition.replace(':', '-')}-{VERSION}", crops)


def _cached(rows: Sequence[Photograph], tower: VisionEncoder, folder: Path, crops: Crops) -> list[Tokens]:
    folder.mkdir(parents=True, exist_ok=True)
    layers, seen = range(1, tower.depth + 1), []
    for done, one in enumerate(rows, 1):
        path = folder / f"{hashlib.sha256(one.uri.encode()).hexdigest()}.npy"
        if not path.exists():
            tokens = tower.cls_tokens(crops(one.read()), layers).reshape(-1, tower.depth, tower.width)
            aside = path.with_suffix(".tmp")
            with aside.open("wb") as file:
                np.save(file, tokens.astype(np.float16))
            aside.replace(path)
        seen.append(np.load(path))
        if done % 200 == 0 or done == len(rows):
            log.info(f"{folder.name}: {done} of {len(rows)}")
    return seen

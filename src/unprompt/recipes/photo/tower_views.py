"""What the vision tower sees of each picture: of training pictures degraded views, of all of them under a condition.

One file a picture in the cache, so that an interrupted run goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from unprompt.evidence.pixels import LOSSLESS
from unprompt.evidence.views import APART, LONGEST, views
from unprompt.images import centre_square
from unprompt.instruments.unimodal import VisionEncoder
from unprompt.perturbations.degradation import DegradationPipeline
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.sources import Photograph
from unprompt.recipes.photo.training_views import TONED, random_crop
from unprompt.store import write_aside
from unprompt.types import RGB, Picture

log = logging.getLogger(__name__)

Crops: TypeAlias = Callable[[Picture], list[RGB]]
VERSION: Final = 3
"""Raised when the crops change, or what is kept of them."""
DRAWS: Final = 4
"""Times that a training picture is degraded; from one to four the figures rise, six tell no more."""
DEGRADATION_SEED: Final = 77


@dataclass(frozen=True)
class TowerViews:
    """What the tower sees of one picture's views; the first of them is the whole."""

    tokens: npt.NDArray[np.float16]
    """Views x layers x width: the CLS token after each layer."""
    embeddings: npt.NDArray[np.float16]
    """Views x joint: projected, not normalised."""


def beside(degraded: TowerViews, aligned: TowerViews) -> TowerViews:
    """Degraded views, whole and crop by turns, and as many of the aligned picture, whole and last crop by turns."""
    again = [0, -1] * (len(degraded.tokens) // 2)
    return TowerViews(
        np.concatenate([degraded.tokens, aligned.tokens[again]]),
        np.concatenate([degraded.embeddings, aligned.embeddings[again]]),
    )


def training_crops(picture: Picture, side: int) -> list[RGB]:
    """Of DRAWS degraded pictures the whole made smaller and a crop as it was published; both as a verdict takes them.

    A picture too small for a crop that differs is seen whole twice.
    """
    pipeline, crops = DegradationPipeline(side=LONGEST, tone=TONED), []
    for draw in range(DRAWS):
        rng = np.random.default_rng([picture.seed, DEGRADATION_SEED, draw])
        published = pipeline.apply(picture.rgb, picture.format in LOSSLESS, rng)
        whole = centre_square(published, side)
        crops += [whole, random_crop(published, side, rng) if min(published.shape[:2]) >= APART * side else whole]
    return crops


def degraded_views(rows: Sequence[Photograph], tower: VisionEncoder, cache: Path) -> list[TowerViews]:
    """2 * DRAWS views of each picture: whole and crop by turns."""
    return _cached(rows, tower, cache / f"degraded-{VERSION}", lambda picture: training_crops(picture, tower.side))


def views_under(condition: str, rows: Sequence[Photograph], tower: VisionEncoder, cache: Path) -> list[TowerViews]:
    """The views of each picture, as ``condition`` leaves it, that a verdict is made of."""

    def crops(picture: Picture) -> list[RGB]:
        return views(drawn(condition, picture).rgb, tower.side)

    return _cached(rows, tower, cache / f"{condition.replace(':', '-')}-{VERSION}", crops)


def _cached(rows: Sequence[Photograph], tower: VisionEncoder, folder: Path, crops: Crops) -> list[TowerViews]:
    seen = []
    for done, one in enumerate(rows, 1):
        path = folder / f"{one.key}.safetensors"
        if not path.exists():
            made = tower.crop_tokens(crops(one.read()))
            columns = np.stack([each.cls[1:] for each in made]), np.stack([each.embedding for each in made])
            views_seen = TowerViews(*(column.astype(np.float16) for column in columns))
            write_aside(path, methodcaller("write", save(vars(views_seen))))
        seen.append(TowerViews(**load_file(path)))
        if done % 200 == 0 or done == len(rows):
            log.info(f"{folder.name}: {done} of {len(rows)}")
    return seen

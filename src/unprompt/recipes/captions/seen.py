"""What the vision encoder sees of each captioned picture, in three views; one file a picture in the cache."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from operator import methodcaller
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from unprompt.images import centre_square, read, resize
from unprompt.instruments.aligned import AlignedConfig, patch_rows, picture_row
from unprompt.instruments.unimodal import VisionEncoder
from unprompt.recipes.captions.pairs import Captioned
from unprompt.store import write_aside
from unprompt.types import RGB, Picture

log = logging.getLogger(__name__)

Halves: TypeAlias = npt.NDArray[np.float16]
JOINT: Final = 256
"""Width of the space of pictures and texts."""
VIEWS: Final = 3
"""The central square, as an encoder takes it; the whole, stretched, as a captioner does; a random part, mirrored."""
VERSION: Final = 1


class Seen(NamedTuple):
    """N pictures, VIEWS views each."""

    pictures: Halves
    """N x VIEWS x what the picture's map reads."""
    places: Halves
    """N x VIEWS x g x g x what the map of a place reads, g as :func:`grid_of`."""


def config_of(tower: VisionEncoder) -> AlignedConfig:
    """What the maps read: of CLIP ViT-B/16 layers 10 and 12, and 11 for places; chosen on the held-out pictures."""
    return AlignedConfig(width=JOINT, layers=(tower.depth - 2, tower.depth), patches=(tower.depth - 1,))


def grid_of(tower: VisionEncoder) -> int:
    """Places in a row that are kept: the mean of 2 x 2 patches each."""
    return tower.grid // 2


def seen_of(rows: Sequence[Captioned], tower: VisionEncoder, cache: Path) -> Seen:
    """What is in the cache is not computed again."""
    folder, made = cache / f"captioned-{VERSION}", []
    folder.mkdir(parents=True, exist_ok=True)
    for done, one in enumerate(rows, 1):
        path = folder / f"{hashlib.sha256(Path(one.uri).name.encode()).hexdigest()}.safetensors"
        if not path.exists():
            write_aside(path, methodcaller("write", save(_look(read(Path(one.uri).read_bytes(), one.uri), tower))))
        made.append(load_file(path))
        if done % 200 == 0 or done == len(rows):
            log.info(f"seen: {done} of {len(rows)}")
    return Seen(np.stack([one["pictures"] for one in made]), np.stack([one["places"] for one in made]))


def _look(picture: Picture, tower: VisionEncoder) -> dict[str, npt.NDArray[np.generic]]:
    config = config_of(tower)
    tokens = tower.crop_tokens(views(picture, tower.side), config.patches)
    places = np.stack([pooled(patch_rows(one), grid_of(tower)) for one in tokens])
    pictures = np.stack([picture_row(one, config) for one in tokens])
    return {"pictures": pictures.astype(np.float16), "places": places.astype(np.float16)}


def views(picture: Picture, side: int) -> list[RGB]:
    """VIEWS squares of ``side`` pixels; the random one is drawn from the picture's own seed."""
    rgb, rng = picture.rgb, np.random.default_rng([picture.seed, 2])
    high, wide = rgb.shape[:2]
    part = int(min(high, wide) * rng.uniform(0.65, 1))
    top, left = rng.integers(0, high - part + 1), rng.integers(0, wide - part + 1)
    cut = centre_square(np.ascontiguousarray(rgb[top : top + part, left : left + part]), side)
    return [centre_square(rgb, side), resize(rgb, side, side), cut[:, ::-1].copy() if rng.random() < 0.5 else cut]


def pooled(rows: npt.NDArray[np.float32], grid: int) -> npt.NDArray[np.float32]:
    """grid x grid x n, means over squares of high x wide x n, which are multiples of ``grid``."""
    times = rows.shape[0] // grid
    means: npt.NDArray[np.float32] = rows.reshape(grid, times, grid, times, -1).mean(axis=(1, 3))
    return means

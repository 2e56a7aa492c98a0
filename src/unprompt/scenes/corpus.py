"""Scenes rendered once and kept as memory-mapped arrays, for the stages that train on them.

Disjoint ranges of scene seeds keep the three uses apart: what an instrument has seen, no head is fitted on,
and what a head has seen, no figure is measured on.
"""

from __future__ import annotations

import io
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from unprompt.scenes.camera import PLAIN, photograph
from unprompt.scenes.render import render
from unprompt.scenes.scene import WORLD_VERSION, Scene
from unprompt.types import RGB, Split

SIZE: Final = 64
INSTRUMENT_SEEDS: Final = 0
"""Scenes from here on train the instruments."""
HELD_OUT_SEEDS: Final = 1_000_000
"""Scenes from here on measure the instruments."""
HEAD_SEEDS: Final[dict[Split, int]] = {"train": 2_000_000, "validation": 3_000_000, "test": 4_000_000}
"""Scenes from here on belong to the heads, by split."""
EXAMPLE_SEEDS: Final = 5_000_000
"""Scenes from here on are shipped as examples."""
CHUNK: Final = 512

Indices = npt.NDArray[np.int64]
"""Which scenes of a corpus make a batch."""
Pictures = npt.NDArray[np.uint8]
"""N x 64 x 64 x 3."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """``pictures`` and ``photographs``: N x 64 x 64 x 3 uint8, before and after the camera; N captions."""

    pictures: Pictures
    photographs: Pictures
    captions: tuple[str, ...]
    long_captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)


def develop(jpeg: bytes) -> RGB:
    """The pixels of a photograph."""
    return np.asarray(Image.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("RGB"))


def corpus(folder: Path, first: int, count: int, workers: int = 2) -> Corpus:
    """Scenes ``first`` to ``first + count``, rendered into ``folder`` unless they already lie there."""
    place = folder / f"world-{WORLD_VERSION}-camera-{PLAIN.version}" / f"scenes-{first}-{count}"
    place.mkdir(parents=True, exist_ok=True)
    starts = range(first, first + count, CHUNK)
    missing = [start for start in starts if not _chunk_path(place, start).exists()]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(partial(_render_chunk, place, first + count), missing))
    return _opened(place, starts)


def _chunk_path(place: Path, start: int) -> Path:
    return place / f"{start}.npz"


def _render_chunk(place: Path, end: int, start: int) -> None:
    scenes = [(seed, Scene.sample(seed)) for seed in range(start, min(start + CHUNK, end))]
    pictures = np.stack([render(scene, SIZE).picture for _, scene in scenes])
    photographs = np.stack(
        [develop(photograph(picture, seed)) for (seed, _), picture in zip(scenes, pictures, strict=True)]
    )
    words = json.dumps([(scene.caption, scene.long_caption) for _, scene in scenes])
    path = _chunk_path(place, start)
    aside = path.with_suffix(".tmp.npz")
    np.savez(aside, pictures=pictures, photographs=photographs, words=np.array(words))
    aside.replace(path)


def _opened(place: Path, starts: range) -> Corpus:
    chunks = [np.load(_chunk_path(place, start)) for start in starts]
    words = [pair for chunk in chunks for pair in json.loads(str(chunk["words"]))]
    return Corpus(
        np.concatenate([chunk["pictures"] for chunk in chunks]),
        np.concatenate([chunk["photographs"] for chunk in chunks]),
        tuple(short for short, _ in words),
        tuple(long for _, long in words),
    )

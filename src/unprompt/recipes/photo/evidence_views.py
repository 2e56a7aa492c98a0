"""What the suite's models say of each picture under a condition: every method's evidence, in two files a picture.

One holds what is seen, by the vision tower and of the pixels; the other what is told: the caption and its objects.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from operator import methodcaller
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import save

from unprompt.detectors import METHODS
from unprompt.evidence.alignment import AlignmentEvidence, Objects
from unprompt.evidence.embedding import EmbeddingEvidence
from unprompt.evidence.layers import LayersEvidence
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.traces import TraceEvidence, middle, traces
from unprompt.instruments import Suite
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.sources import Photograph
from unprompt.store import write_aside
from unprompt.types import Box, Caption, Picture

log = logging.getLogger(__name__)

Evidence: TypeAlias = Mapping[str, Any]
"""Method -> a picture's evidence."""
Stored: TypeAlias = tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]
"""Arrays, and what is no array."""
VERSION: Final = 1
"""Raised when the evidence changes."""
BATCH: Final = 8


def evidence_under(condition: str, rows: Sequence[Photograph], suite: Suite, cache: Path) -> list[Evidence]:
    """Each picture's evidence, as ``condition`` leaves it; what is in the cache is not made again."""
    both = [_stored(part, condition, rows, suite, cache) for part in (seen, told)]
    return [_evidence(*parts) for parts in zip(*both, strict=True)]


def seen(pictures: Sequence[Picture], suite: Suite) -> list[Stored]:
    """What the vision tower sees, and the traces."""
    layers, cache = METHODS["clip-layers"].fitting_options(suite).layers, ProductCache(pictures, suite)
    columns = (
        cache.picture_embeddings(),
        cache.of("univfd").picture_embeddings(),
        cache.layer_tokens(layers),
        [traces(middle(picture.rgb)) for picture in pictures],
    )
    return [
        (dict(zip(("image", "embedding", "views", "traces"), row, strict=True)), {})
        for row in zip(*columns, strict=True)
    ]


def told(pictures: Sequence[Picture], suite: Suite) -> list[Stored]:
    """The caption, where its phrases are, and all of these as vectors."""
    cache = ProductCache(pictures, suite)
    columns = cache.caption_embeddings(), cache.object_embeddings(), cache.phrase_embeddings()
    words = [
        {"caption": asdict(caption), "boxes": list(map(asdict, boxes))}
        for caption, boxes in zip(cache.captions(), cache.boxes(), strict=True)
    ]
    arrays = [dict(zip(("text", "images", "texts"), row, strict=True)) for row in zip(*columns, strict=True)]
    return list(zip(arrays, words, strict=True))


def _stored(
    part: Callable[[Sequence[Picture], Suite], list[Stored]],
    condition: str,
    rows: Sequence[Photograph],
    suite: Suite,
    cache: Path,
) -> list[Stored]:
    folder = cache / f"{part.__name__}-{condition.replace(':', '-')}-{VERSION}"
    places = [folder / f"{one.key}.safetensors" for one in rows]
    lacking = [(one, path) for one, path in zip(rows, places, strict=True) if not path.exists()]
    for start in range(0, len(lacking), BATCH):
        batch = lacking[start : start + BATCH]
        for (_, path), made in zip(batch, part([drawn(condition, one.read()) for one, _ in batch], suite), strict=True):
            _save(path, *made)
        if start % (25 * BATCH) == 0:
            log.info(f"{folder.name}: {start} of {len(lacking)}")
    return list(map(_load, places))


def _save(path: Path, arrays: Mapping[str, npt.NDArray[np.float32]], words: Mapping[str, Any]) -> None:
    whole = {name: np.ascontiguousarray(one) for name, one in arrays.items()}
    write_aside(path, methodcaller("write", save(whole, {"words": json.dumps(words)})))


def _load(path: Path) -> Stored:
    with safe_open(path, "numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["words"])  # noqa: SIM118


def _evidence(seen: Stored, told: Stored) -> Evidence:
    (eyes, _), (arrays, words) = seen, told
    boxes = tuple(Box(**box) for box in words["boxes"])
    objects = Objects(boxes, arrays["images"], arrays["texts"])
    aligned = AlignmentEvidence(eyes["image"], arrays["text"], Caption(**words["caption"]), objects)
    return {
        **dict.fromkeys(("tidy", "item", "defake"), aligned),
        **dict.fromkeys(("univfd", "univfd-nn"), EmbeddingEvidence(eyes["embedding"])),
        "clip-layers": LayersEvidence(eyes["views"]),
        "traces": TraceEvidence(eyes["traces"]),
    }

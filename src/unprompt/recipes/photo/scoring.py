"""Logits of every picture under each condition, by nets that saw neither its generator nor its collection."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from unprompt.detectors.base import Detector
from unprompt.detectors.methods.clip_layers import ClipLayersDetector
from unprompt.evidence.embedding import EmbeddingEvidence
from unprompt.evidence.layers import LayersEvidence
from unprompt.evidence.pixels import PixelEvidence
from unprompt.evidence.traces import TraceEvidence, middle, traces
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.nets import TOWER, flat
from unprompt.recipes.photo.sources import Photograph
from unprompt.recipes.photo.tower_views import views_under
from unprompt.types import Picture

log = logging.getLogger(__name__)

Floats: TypeAlias = npt.NDArray[np.float64]
Nets: TypeAlias = Mapping[int, Detector[Any, Any]]
"""Fold -> the detector that never saw it."""
Compute: TypeAlias = Callable[[Photograph, Picture], Any]
CHUNK: Final = 16


def logits_under(condition: str, method: str, nets: Nets, rows: Sequence[Photograph], cache: Path) -> Floats:
    """N logits of a method, each by the net of the picture's own fold; what is in ``cache`` is not computed again."""
    if method == "patches":
        return patches_under(condition, nets, rows, cache)
    evidence: Sequence[Any] = (
        [TraceEvidence(row) for row in traces_under(condition, rows, cache)]
        if method == "traces"
        else _seen(condition, nets[0], rows, cache)
    )
    logits, places = np.zeros(len(rows)), np.array([one.fold for one in rows])
    for fold, net in nets.items():
        held_out = np.flatnonzero(places == fold).tolist()
        logits[held_out] = net.logits([evidence[place] for place in held_out])
    return logits


def traces_under(condition: str, rows: Sequence[Photograph], cache: Path) -> npt.NDArray[np.float32]:
    """N x width."""

    def describe(one: Photograph, picture: Picture) -> npt.NDArray[np.float32]:
        return traces(middle(picture.rgb))

    return cast("npt.NDArray[np.float32]", _cached(rows, condition, describe, cache / "traces"))


def patches_under(condition: str, nets: Nets, rows: Sequence[Photograph], cache: Path) -> Floats:
    """N logits."""

    def answer(one: Photograph, picture: Picture) -> Floats:
        return nets[one.fold].logits([PixelEvidence(picture.rgb)])

    return np.asarray(_cached(rows, condition, answer, cache / "patches")[:, 0], np.float64)


def _seen(condition: str, net: Detector[Any, Any], rows: Sequence[Photograph], cache: Path) -> list[Any]:
    """What the tower sees: of the views for clip-layers, of the whole for UnivFD."""
    seen = views_under(condition, rows, net.suite.at_dtype(TOWER).vision, cache / "tower")
    if isinstance(net, ClipLayersDetector):
        return [LayersEvidence(flat(views.tokens, net.options.layers)) for views in seen]
    return [EmbeddingEvidence(views.embeddings[0].astype(np.float32)) for views in seen]


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


def _changed(rows: Sequence[Photograph], condition: str) -> Iterator[Picture]:
    """Read and changed beside the nets' work."""
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(rows), CHUNK):
            yield from pool.map(lambda one: drawn(condition, one.read()), rows[start : start + CHUNK])

"""One net a fold and method, which learned from the pictures of all other folds; kept in a cache."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unprompt.detectors import METHODS
from unprompt.detectors.base import Detector
from unprompt.detectors.checkpoint import load, restore, save_aside
from unprompt.detectors.methods.clip_layers import ClipLayersDetector
from unprompt.detectors.methods.patches import cut, lit
from unprompt.detectors.methods.traces import TracesDetector
from unprompt.detectors.methods.univfd import UnivfdDetector
from unprompt.evidence.layers import LayersEvidence
from unprompt.evidence.traces import TraceEvidence
from unprompt.instruments import Suite
from unprompt.recipes.photo.learning import Draw, learn
from unprompt.recipes.photo.sources import UNSEEN, Photograph, folds, learned
from unprompt.recipes.photo.tower_views import TowerViews, beside, degraded_views, views_under
from unprompt.recipes.photo.training_views import SIDE, TrainingViews, prepare
from unprompt.training.schedule import Schedule

log = logging.getLogger(__name__)

SCHEDULES: Final = {
    "clip-layers": (Schedule(steps=800, batch=256, rate=1e-3, decay=1e-2, form="one-cycle"),),
    "univfd": (Schedule(steps=800, batch=256, rate=1e-3, decay=1e-3, form="one-cycle"),),
    "traces": (Schedule(steps=1700, batch=128, rate=2e-3, decay=1e-2, form="one-cycle"),),
    "patches": (
        Schedule(steps=2600, batch=64, rate=3e-3, decay=1e-2, form="one-cycle"),
        Schedule(steps=1600, batch=64, rate=2e-3, decay=1e-2, seed=100, form="one-cycle"),
    ),
}
"""Method -> cycles of rates, one after the other; a fold's number is added to the seed."""
TOWER: Final = "bfloat16"
"""What the vision encoder runs in here: thousands of pictures, several views each; a verdict takes float32."""
CROP: Final = 64
"""Side of a patch in a training step."""


@dataclass(frozen=True)
class NetTrainer:
    """Trains the nets of one run of the recipe."""

    rows: Sequence[Photograph]
    cache: Path
    suite: Suite
    workers: int
    shorten: int = 1
    """Each training takes one in so many of its steps: above 1 the recipe is tested and nothing learned."""

    @cached_property
    def trained_on(self) -> list[Photograph]:
        """The pictures that some net learns from."""
        return [one for one in self.rows if one.fold != UNSEEN]

    @cached_property
    def training_views(self) -> dict[str, TrainingViews]:
        """Path -> degraded views."""
        views = prepare(self.trained_on, self.cache / "material", self.workers)
        return {one.uri: view for one, view in zip(self.trained_on, views, strict=True)}

    @cached_property
    def tower_views(self) -> dict[str, TowerViews]:
        """Path -> what the vision encoder sees of other degraded views, and as often of the aligned picture's."""
        tower, cache = self.suite.at_dtype(TOWER).vision, self.cache / "tower"
        degraded = degraded_views(self.trained_on, tower, cache)
        aligned = views_under("aligned", self.trained_on, tower, cache)
        seen = map(beside, degraded, aligned)
        return {one.uri: views for one, views in zip(self.trained_on, seen, strict=True)}

    def nets(self, method: str) -> dict[int, Detector[Any, Any]]:
        """Fold -> a detector of one net that never saw the fold."""
        return {fold: self._net(method, fold) for fold in range(max(folds().values()) + 1)}

    def untrained(self, method: str, nets: int, seed: int = 0) -> Detector[Any, Any]:
        """A head of as many nets, or of one layer where the method has no number; it learned nothing yet."""
        options = METHODS[method].fitting_options(self.suite)
        several = options.override({"nets": nets}) if hasattr(options, "nets") else options
        return METHODS[method](self.suite, several, seed)

    def _net(self, method: str, fold: int) -> Detector[Any, Any]:
        path = self.cache / "nets" / f"{method}-{fold}.safetensors"
        if path.exists():
            return METHODS[method].load(path, self.suite)
        rows = learned(self.rows, without=fold)
        detector = self.untrained(method, 1, fold)
        self._standardise(detector, rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        log.info(f"{method}, fold {fold}: {len(rows)} pictures")
        for number, schedule in enumerate(SCHEDULES[method]):
            self._cycle(detector, rows, replace(schedule, seed=schedule.seed + fold), path.with_suffix(f".{number}"))
        detector.save(path)
        return detector

    def _standardise(self, detector: Detector[Any, Any], rows: Sequence[Photograph]) -> None:
        if isinstance(detector, TracesDetector):
            detector.prepare_fit([TraceEvidence(row) for one in rows for row in self.training_views[one.uri].traces])
        if isinstance(detector, ClipLayersDetector):
            stock = (flat(self.tower_views[one.uri].tokens, detector.options.layers) for one in rows)
            detector.prepare_fit([LayersEvidence(view[None]) for views in stock for view in views])

    def _cycle(self, detector: Detector[Any, Any], rows: Sequence[Photograph], schedule: Schedule, done: Path) -> None:
        """One cycle of rates, unless its weights lie there already."""
        if done.exists():
            restore(detector.network, load(done)[1], done)
            return
        short = replace(schedule, steps=max(1, schedule.steps // self.shorten))
        partial = done.with_suffix(f"{done.suffix}-partial")
        learn(detector, rows, self._draw(detector, rows), short, partial)
        save_aside(done, detector.network.state_dict(), {})

    def _draw(self, detector: Detector[Any, Any], rows: Sequence[Photograph]) -> Draw:
        if isinstance(detector, ClipLayersDetector):
            layers = detector.options.layers
            return of_views(np.stack([flat(self.tower_views[one.uri].tokens, layers) for one in rows]))
        if isinstance(detector, UnivfdDetector):
            wholes = np.stack([self.tower_views[one.uri].embeddings[::2] for one in rows])
            return of_views(wholes.astype(np.float32))
        stock = [self.training_views[one.uri] for one in rows]

        def of_traces(places: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, ...]:
            return (torch.from_numpy(np.stack([rng.choice(stock[place].traces) for place in places])),)

        def of_patches(places: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, ...]:
            several = [cut(rng.choice(stock[place].patches), SIDE, CROP, rng) for place in places]
            return lit(several, rng)

        return of_traces if detector.method == "traces" else of_patches


def of_views(stock: npt.NDArray[np.float32]) -> Draw:
    """Of each picture one view of N x views x width."""

    def draw(places: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, ...]:
        return (torch.from_numpy(stock[places, rng.integers(stock.shape[1], size=len(places))]),)

    return draw


def flat(tokens: npt.NDArray[np.float16], layers: Sequence[int]) -> npt.NDArray[np.float32]:
    """Views x (layers * width): some layers of views x depth x width."""
    return tokens[:, [layer - 1 for layer in layers]].reshape(len(tokens), -1).astype(np.float32)

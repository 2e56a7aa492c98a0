"""From pictures to the suite's heads: one net a fold and method, joined, fused, with thresholds and an OOD check."""

from __future__ import annotations

import logging
import shutil
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
from unprompt.detectors.gaussian import MahalanobisGaussian
from unprompt.detectors.methods.panel import Panel
from unprompt.detectors.methods.patches import cut, lit
from unprompt.detectors.methods.traces import TracesDetector
from unprompt.detectors.ood import OODDetector, OODHeader, distance_limit
from unprompt.evidence.traces import TraceEvidence
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.suite_file import pin
from unprompt.perturbations.degradation import CONDITIONS
from unprompt.recipes.photo.fusion import FALSE_ALARMS, MISSES, Judged, fuse, judge, thresholds
from unprompt.recipes.photo.golden import write_golden
from unprompt.recipes.photo.learning import Draw, learn
from unprompt.recipes.photo.scoring import Floats, Seen, see
from unprompt.recipes.photo.sources import UNSEEN, Photograph, folds, learned
from unprompt.recipes.photo.training_views import SIDE, TrainingViews, prepare
from unprompt.training.schedule import Schedule
from unprompt.workflows.fitting.calibration import calibrate, validation_figures

log = logging.getLogger(__name__)

SUITE: Final = Path(__file__).parents[2] / "suites" / "photo"
MEMBERS: Final = ("traces", "patches")
SCHEDULES: Final = {
    "traces": (Schedule(steps=1700, batch=128, rate=2e-3, decay=1e-2, form="one-cycle"),),
    "patches": (
        Schedule(steps=2600, batch=64, rate=3e-3, decay=1e-2, form="one-cycle"),
        Schedule(steps=1600, batch=64, rate=2e-3, decay=1e-2, seed=100, form="one-cycle"),
    ),
}
"""Method -> cycles of rates, one after the other; a fold's number is added to the seed."""
CROP: Final = 64
"""Side of a patch in a training step."""
RANK: Final = 60
"""Directions of the traces whose variance the OOD check keeps apart."""
OUTSIDE: Final = 0.02
"""Share of held-out pictures that may be called out of distribution."""
LEAST: Final = 64
"""Shorter side, in pixels, below which a picture is out of distribution."""


@dataclass(frozen=True)
class HeadTrainer:
    """One run of the recipe."""

    rows: Sequence[Photograph]
    cache: Path
    suite: Path
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
    def empty(self) -> Suite:
        """The suite, whose methods need no instrument; outside of the package its file is copied there."""
        if not (self.suite / "suite.toml").exists():
            self.suite.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(SUITE / "suite.toml", self.suite / "suite.toml")
        manifest = Manifest.read(self.suite)
        return Suite(replace(manifest, digests={}))  # of the heads that this run replaces

    @cached_property
    def nets(self) -> dict[str, dict[int, Detector[Any, Any]]]:
        """Method -> fold -> a detector of one net that never saw the fold."""
        numbers = range(max(folds().values()) + 1)
        return {method: {fold: self._net(method, fold) for fold in numbers} for method in MEMBERS}

    def seen(self, condition: str) -> Seen:
        """All pictures of the training under a condition."""
        return see(self.trained_on, self.nets["patches"], condition, self.cache / "seen")

    @cached_property
    def logits(self) -> dict[str, Floats]:
        """Condition -> N x methods logits, each by the nets of the picture's own fold."""
        return {name: self._logits(self.seen(name)) for name in CONDITIONS}

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        return np.array([one.label for one in self.trained_on])

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """The pictures' folds."""
        return np.array([one.fold for one in self.trained_on])

    def judged(self) -> dict[str, Judged]:
        """Condition -> the pictures, judged by nets that never saw their sources."""
        return judge(self.logits, self.labels, self.places.tolist())

    def make(self) -> Panel:
        """Save the heads and the OOD check; returns the panel."""
        heads = self.suite / "heads"
        members = [self._joined(method, heads / f"{method}.safetensors") for method in MEMBERS]
        fusion = fuse(self.logits, self.labels)
        panel = Panel(self.empty, members)
        panel.network.set_weights(fusion.weights, fusion.bias)
        panel.calibration, panel.thresholds = fusion.calibration, thresholds(fusion, self.logits, self.labels)
        panel.figures = self._figures(fusion.logits(self.logits["raw"]))
        panel.training = {"suite": "photo", "folds": len(self.nets[MEMBERS[0]]), "pictures": len(self.trained_on)}
        panel.save(heads / "panel.safetensors")
        self._world().save(self.suite / "world.safetensors")
        pin(self.suite / "suite.toml")
        write_golden(self.suite)
        return panel

    def _net(self, method: str, fold: int) -> Detector[Any, Any]:
        path = self.cache / "nets" / f"{method}-{fold}.safetensors"
        if path.exists():
            return METHODS[method].load(path, self.empty)
        rows = learned(self.rows, without=fold)
        detector = self._untrained(method, 1, fold)
        if isinstance(detector, TracesDetector):
            detector.prepare_fit([TraceEvidence(row) for one in rows for row in self.training_views[one.uri].traces])
        path.parent.mkdir(parents=True, exist_ok=True)
        log.info(f"{method}, fold {fold}: {len(rows)} pictures")
        for number, schedule in enumerate(SCHEDULES[method]):
            self._cycle(detector, rows, replace(schedule, seed=schedule.seed + fold), path.with_suffix(f".{number}"))
        detector.save(path)
        return detector

    def _cycle(self, detector: Detector[Any, Any], rows: Sequence[Photograph], schedule: Schedule, done: Path) -> None:
        """One cycle of rates, unless its weights lie there already."""
        if done.exists():
            restore(detector.network, load(done)[1], done)
            return
        short = replace(schedule, steps=max(1, schedule.steps // self.shorten))
        partial = done.with_suffix(f"{done.suffix}-partial")
        learn(detector, rows, self._draw(detector.method, rows), short, partial)
        save_aside(done, detector.network.state_dict(), {})

    def _untrained(self, method: str, nets: int, seed: int = 0) -> Detector[Any, Any]:
        options = METHODS[method].fitting_options(self.empty).override({"nets": nets})
        return METHODS[method](self.empty, options, seed)

    def _draw(self, method: str, rows: Sequence[Photograph]) -> Draw:
        stock = [self.training_views[one.uri] for one in rows]

        def of_traces(places: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, ...]:
            return (torch.from_numpy(np.stack([rng.choice(stock[place].traces) for place in places])),)

        def of_patches(places: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, ...]:
            several = [cut(rng.choice(stock[place].patches), SIDE, CROP, rng) for place in places]
            return lit(several, rng)

        return of_traces if method == "traces" else of_patches

    def _logits(self, seen: Seen) -> Floats:
        logits = np.zeros(len(self.trained_on))
        for fold, net in self.nets["traces"].items():
            held_out = self.places == fold
            logits[held_out] = net.logits([TraceEvidence(row) for row in seen.traces[held_out]])
        return np.stack([logits, seen.patches], axis=1)

    def _joined(self, method: str, path: Path) -> Detector[Any, Any]:
        """The method's head: the nets of all folds in one; calibrated on each net's logits of pictures it never saw."""
        nets, place = self.nets[method], MEMBERS.index(method)
        detector = self._untrained(method, len(nets))
        network: Any = detector.network
        network.join([net.network for net in nets.values()])
        column = np.concatenate([logits[:, place] for logits in self.logits.values()])
        calibrate(detector, np.tile(self.labels, len(self.logits)), column, fpr=FALSE_ALARMS, fnr=MISSES)
        detector.figures = self._figures(self.logits["raw"][:, place])
        detector.training = {"suite": "photo", "folds": len(nets), "pictures": len(self.trained_on)}
        detector.save(path, half=True)
        return detector

    def _figures(self, logits: Floats) -> dict[str, Any]:
        sources = [one.source for one in self.trained_on]
        return validation_figures(self.labels, logits, sources, "pictures of the other folds, as they lie")

    def _world(self) -> OODDetector:
        """A Gaussian of the degraded views' traces; its threshold from pictures whose fold was left out of the fit."""
        views = [self.training_views[one.uri].traces for one in self.trained_on]
        seen = self.seen("raw").traces.astype(np.float64)
        distances = np.zeros(len(self.trained_on))
        for fold in np.unique(self.places):
            out = self.places == fold
            others = np.concatenate([views[i] for i in np.flatnonzero(~out)]).astype(np.float64)
            distances[out] = MahalanobisGaussian.fit(others, RANK).distances(seen[out])
        limit = distance_limit(distances, OUTSIDE)
        facts = OODHeader("", 1.0, OUTSIDE, len(views), len(views), (limit,), LEAST)
        return OODDetector(None, (MahalanobisGaussian.fit(np.concatenate(views).astype(np.float64), RANK),), facts)

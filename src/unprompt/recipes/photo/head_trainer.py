"""From pictures to the suite's heads: the folds' nets joined, fused, with thresholds and an OOD check."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unprompt.detectors import METHODS
from unprompt.detectors.base import Detector
from unprompt.detectors.gaussian import MahalanobisGaussian
from unprompt.detectors.methods.panel import Panel
from unprompt.detectors.ood import OODDetector, OODHeader, distance_limit
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.suite_file import pin
from unprompt.perturbations.degradation import CONDITIONS
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.fusion import FALSE_ALARMS, MISSES, Judged, fuse, judge, thresholds
from unprompt.recipes.photo.golden import write_golden
from unprompt.recipes.photo.nets import NetTrainer
from unprompt.recipes.photo.scoring import Floats, logits_under, traces_under
from unprompt.recipes.photo.sources import Photograph
from unprompt.workflows.fitting.calibration import calibrate, validation_figures

SUITE: Final = Path(__file__).parents[2] / "suites" / "photo"
PANELS: Final[Mapping[str, tuple[str, ...]]] = {"panel": ("clip-layers", "univfd"), "pixels": ("traces", "patches")}
"""File of a panel -> its members; ``pixels`` answers where the vision encoder's weights are not on a machine."""
RANK: Final = 60
"""Directions of the traces whose variance the OOD check keeps apart."""
OUTSIDE: Final = 0.02
"""Share of held-out pictures that may be called out of distribution, under any one condition."""
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
    panels: Sequence[str] = tuple(PANELS)
    """Which of ``PANELS`` are made."""

    @cached_property
    def trainer(self) -> NetTrainer:
        return NetTrainer(self.rows, self.cache, self.empty, self.workers, self.shorten)

    @property
    def trained_on(self) -> list[Photograph]:
        """The pictures that some net learns from."""
        return self.trainer.trained_on

    @cached_property
    def empty(self) -> Suite:
        """The suite; outside of the package its file is copied there, unless one lies there."""
        if not (self.suite / "suite.toml").exists():
            self.suite.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(SUITE / "suite.toml", self.suite / "suite.toml")
        manifest = Manifest.read(self.suite)
        return Suite(replace(manifest, digests={}))  # of the heads that this run replaces

    @cached_property
    def members(self) -> list[str]:
        """The methods of all panels that are made."""
        return list(dict.fromkeys(method for panel in self.panels for method in PANELS[panel]))

    @cached_property
    def nets(self) -> dict[str, dict[int, Detector[Any, Any]]]:
        """Method -> fold -> a detector of one net that never saw the fold."""
        return {method: self.trainer.nets(method) for method in self.members}

    @cached_property
    def logits(self) -> dict[str, dict[str, Floats]]:
        """Method -> condition -> N logits, each by the nets of the picture's own fold."""
        return {
            method: {name: logits_under(name, method, nets, self.trained_on, self.cache) for name in CONDITIONS}
            for method, nets in self.nets.items()
        }

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        return np.array([one.label for one in self.trained_on])

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """The pictures' folds."""
        return np.array([one.fold for one in self.trained_on])

    def joined(self, members: Sequence[str]) -> dict[str, Floats]:
        """Condition -> N x members logits."""
        return {name: np.stack([self.logits[one][name] for one in members], axis=1) for name in CONDITIONS}

    def judged(self, panel: str = "panel") -> dict[str, Judged]:
        """Condition -> the pictures, judged by nets and a fusion that never saw their sources."""
        return judge(self.joined(PANELS[panel]), self.labels, self.places.tolist())

    def make(self) -> None:
        """Save the heads and the OOD check."""
        heads = self.suite / "heads"
        members = {method: self._member(method, heads / f"{method}.safetensors") for method in self.members}
        for name in self.panels:
            self._panel([members[method] for method in PANELS[name]], heads / f"{name}.safetensors")
        self._world().save(self.suite / "world.safetensors")
        pin(self.suite / "suite.toml")
        write_golden(self.suite)

    def _member(self, method: str, path: Path) -> Detector[Any, Any]:
        """The method's head; the one that lies there where a panel that is not made was fitted with it."""
        others = {one for name, several in PANELS.items() if name not in self.panels for one in several}
        if method in others and path.exists():
            return METHODS[method].load(path, self.empty)
        return self._joined_nets(method, path)

    def _panel(self, members: Sequence[Detector[Any, Any]], path: Path) -> None:
        logits = self.joined([member.method for member in members])
        fusion = fuse(logits, self.labels)
        panel = Panel(self.empty, members)
        panel.network.set_weights(fusion.weights, fusion.bias)
        panel.calibration, panel.thresholds = fusion.calibration, thresholds(fusion, logits, self.labels)
        rows, judged = self.trained_on, self.judged(path.stem)
        caveats = {"weak": figures.weak(rows, judged["aligned"]), "accused": figures.accused(rows, judged)}
        panel.figures = self._figures(fusion.logits(logits["raw"])) | caveats
        panel.training = self._training(members[0].method)
        panel.save(path)

    def _training(self, method: str) -> dict[str, Any]:
        return {"suite": "photo", "folds": len(self.nets[method]), "pictures": len(self.trained_on)}

    def _joined_nets(self, method: str, path: Path) -> Detector[Any, Any]:
        """The method's head: the nets of all folds in one; calibrated on each net's logits of pictures it never saw."""
        nets = self.nets[method]
        detector = self.trainer.untrained(method, len(nets))
        network: Any = detector.network
        network.join([net.network for net in nets.values()])
        column = np.concatenate([self.logits[method][name] for name in CONDITIONS])
        calibrate(detector, np.tile(self.labels, len(CONDITIONS)), column, fpr=FALSE_ALARMS, fnr=MISSES)
        detector.figures = self._figures(self.logits[method]["raw"])
        detector.training = self._training(method)
        detector.save(path, half=True)
        return detector

    def _figures(self, logits: Floats) -> dict[str, Any]:
        sources = [one.source for one in self.trained_on]
        return validation_figures(self.labels, logits, sources, "pictures of the other folds, as they lie")

    def _world(self) -> OODDetector:
        """A Gaussian of the traces under every condition; its threshold from pictures whose fold the fit left out."""
        seen = {name: traces_under(name, self.trained_on, self.cache).astype(np.float64) for name in CONDITIONS}
        distances = {name: np.zeros(len(rows)) for name, rows in seen.items()}
        for fold in np.unique(self.places):
            out = self.places == fold
            others = MahalanobisGaussian.fit(np.concatenate([one[~out] for one in seen.values()]), RANK)
            for name, rows in seen.items():
                distances[name][out] = others.distances(rows[out])
        limit = max(distance_limit(one, OUTSIDE) for one in distances.values())
        count = len(self.trained_on)
        facts = OODHeader("", 1.0, OUTSIDE, count, count, (limit,), LEAST)
        return OODDetector(None, (MahalanobisGaussian.fit(np.concatenate(list(seen.values())), RANK),), facts)

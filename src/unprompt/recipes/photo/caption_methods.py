"""``python -m unprompt.recipes.photo.caption_methods``: captioning methods and UnivFD on photographs, and their worth.

The protocol is the suite's: whole families and collections are left out together, every figure is of nets that never
saw a picture's source. Evidence is made under one condition, aligned, and learned from under the same. Pictures that
the encoder and the captioner learned from are left out.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unprompt.detectors import METHODS, load
from unprompt.detectors.base import Detector
from unprompt.detectors.closed_form import ClosedForm
from unprompt.errors import UnpromptError
from unprompt.instruments import Suite
from unprompt.instruments.cache import cache_folder
from unprompt.instruments.suite_file import pin
from unprompt.recipes.captions.measuring import FIGURES
from unprompt.recipes.captions.pairs import file_names
from unprompt.recipes.figures import encoded
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.alignment import alignment
from unprompt.recipes.photo.caption_page import page
from unprompt.recipes.photo.evidence_views import Evidence, evidence_under
from unprompt.recipes.photo.fusion import FALSE_ALARMS, MISSES, Judged, judge
from unprompt.recipes.photo.golden import write_golden
from unprompt.recipes.photo.head_trainer import PANELS, SUITE
from unprompt.recipes.photo.learning import learn
from unprompt.recipes.photo.nets import TOWER
from unprompt.recipes.photo.scoring import Floats
from unprompt.recipes.photo.sources import UNSEEN, Photograph, folds, learned, photographs
from unprompt.training.schedule import Schedule
from unprompt.workflows.fitting.calibration import calibrate, validation_figures

log = logging.getLogger("unprompt.recipes.photo.caption_methods")

CONDITION: Final = "aligned"
FILE: Final = "captioning.json"
REPEATS: Final = 200
"""Draws of the bootstrap, of which each row of the table takes as many."""
SCHEDULE: Final = Schedule(steps=800, batch=256, rate=1e-3, decay=1e-3, form="one-cycle")
TRIED: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "tidy": ("tidy", {"scope": "global"}),
    "tidy, objects": ("tidy", {"scope": "local"}),
    "tidy, both": ("tidy", {"scope": "both"}),
    "item": ("item", {"scope": "global"}),
    "item, objects": ("item", {"scope": "local"}),
    "item, both": ("item", {"scope": "both"}),
    "item, picture alone": ("item", {"scope": "global", "modality": "picture"}),
    "item, caption alone": ("item", {"scope": "global", "modality": "text"}),
    "defake": ("defake", {}),
    "univfd": ("univfd", {}),
    "univfd-nn": ("univfd-nn", {}),
}
"""Row of the table -> method and options."""
SHIPPED: Final = ("tidy", "item")
"""Rows whose heads the suite ships, of the scopes the best by these folds; the other heads weigh too much to travel."""


@dataclass(frozen=True)
class CaptionMethods:
    """One run of the recipe."""

    rows: Sequence[Photograph]
    suite: Suite
    cache: Path
    shorten: int = 1

    @cached_property
    def evidence(self) -> list[Evidence]:
        """Of each picture, every method's."""
        return evidence_under(CONDITION, self.rows, self.suite.at_dtype(TOWER), self.cache)

    @cached_property
    def _by_uri(self) -> dict[str, Evidence]:
        return dict(zip([one.uri for one in self.rows], self.evidence, strict=True))

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        return np.array([one.label for one in self.rows])

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """The pictures' folds."""
        return np.array([one.fold for one in self.rows])

    def held_out(self, row: str) -> Floats:
        """N logits, each by a net that never saw the picture's fold."""
        logits = np.zeros(len(self.rows))
        for fold in range(max(folds().values()) + 1):
            out = np.flatnonzero(self.places == fold).tolist()
            if out:
                net = self._net(row, learned(self.rows, without=fold), fold)
                logits[out] = net.logits([self.evidence[place][net.method] for place in out])
        return logits

    def shipped(self, method: str) -> Floats:
        """The same of a head that the suite ships, whose nets each left out the fold of their number."""
        detector = load(self.suite.head(method), self.suite)
        network: Any = detector.network
        rows = detector.collate([one[method] for one in self.evidence])
        each = network.eval().each(*rows).detach().numpy()
        return np.asarray(each[np.arange(len(each)), self.places], np.float64)

    def head(self, row: str, logits: Floats) -> Detector[Any, Any]:
        """A head that learned from all pictures, calibrated on the logits of nets that left a picture's fold out."""
        detector = self._net(row, self.rows, len(folds()))
        calibrate(detector, self.labels, logits, fpr=FALSE_ALARMS, fnr=MISSES)
        sources = [one.source for one in self.rows]
        detector.figures = validation_figures(self.labels, logits, sources, "aligned pictures of the other folds")
        detector.training = {"suite": "photo", "pictures": len(self.rows)}
        return detector

    def _net(self, row: str, rows: Sequence[Photograph], seed: int) -> Detector[Any, Any]:
        method, options = TRIED[row]
        own = [self._by_uri[one.uri][method] for one in rows]
        detector = METHODS[method](self.suite, METHODS[method].fitting_options(self.suite).override(options), seed)
        if isinstance(detector, ClosedForm):
            detector.solve(own, [one.label for one in rows])
            return detector

        table = detector.collate(own)  # the same at each step

        def draw(places: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, ...]:
            return tuple(column[torch.from_numpy(places)] for column in table)

        schedule = replace(SCHEDULE, steps=max(1, SCHEDULE.steps // self.shorten), seed=seed)
        learn(detector, rows, draw, schedule, self.cache / f"{row.replace(', ', '-').replace(' ', '-')}-{seed}.partial")
        return detector


def measure(run: CaptionMethods) -> dict[str, Any]:
    """Each row's figures, and what it adds to the suite's panel; heads of SHIPPED are saved beside the suite's file."""
    held_out = {row: run.held_out(row) for row in TRIED}
    # UnivFD's head joins its nets into one layer, so that what judges here is its row of the table.
    panel = {method: held_out[method] if method in held_out else run.shipped(method) for method in PANELS["panel"]}
    alone = _figures(run, panel)
    table: dict[str, Any] = {"panel": alone}
    for row, logits in held_out.items():
        table[row] = _figures(run, {row: logits}) | {"added": _added(run, panel, row, logits)}
        log.info(f"{row}: AUC {table[row]['macro']['auc']['value']:.3f}")
        if row in SHIPPED:
            run.head(row, logits).save(
                run.suite.manifest.file.parent / "heads" / f"{TRIED[row][0]}.safetensors", half=True
            )
    sentences = [one["item"] for one in run.evidence]
    return {
        "pictures": len(run.rows),
        "members": list(panel),
        "grounded": float(np.mean([bool(one.objects.boxes) for one in sentences])),
        "methods": table,
        "alignment": alignment(run.rows, sentences),
    }


def _judged(run: CaptionMethods, columns: Mapping[str, Floats]) -> Judged:
    return judge({CONDITION: np.stack(list(columns.values()), axis=1)}, run.labels, run.places.tolist())[CONDITION]


def _figures(run: CaptionMethods, columns: Mapping[str, Floats]) -> dict[str, Any]:
    found = figures.condition(run.rows, _judged(run, columns), repeats=REPEATS)
    return {"macro": found["macro"], "accused": found["pooled"]["accused"], "alarms": found["real"]["accused"]}


def _added(run: CaptionMethods, panel: Mapping[str, Floats], row: str, logits: Floats) -> dict[str, float]:
    """Macro figures of the panel with this method more."""
    return figures.means(run.rows, _judged(run, {**panel, row: logits}).probabilities)


def main() -> int:
    """Exit code 0 = heads and figures are written, 1 = they could not be."""
    parser = argparse.ArgumentParser("python -m unprompt.recipes.photo.caption_methods", allow_abbrev=False)
    parser.add_argument("--data", required=True, nargs="+", help="manifests with path, label, source and content")
    parser.add_argument("--captioned", required=True, type=Path, help="as python -m unprompt.recipes.captions takes it")
    parser.add_argument("--packages", type=Path, help="folder of the unpacked packages that extra.csv.gz names")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "photographs")
    parser.add_argument("--suite", type=Path, default=SUITE, help="folder of the suite; default: in the package")
    parser.add_argument("--page", type=Path, default=Path("docs/photo-captions.md"), help="what is written for people")
    parser.add_argument("--quick", action="store_true", help="few steps: run the whole recipe, train nothing")
    chosen = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("unprompt").setLevel(logging.INFO)
    try:
        told = file_names(chosen.captioned)
        rows = [
            one
            for one in photographs(chosen.data, chosen.packages)
            if one.fold != UNSEEN and Path(one.uri).stem not in told
        ]
        found = measure(CaptionMethods(rows, Suite.load(chosen.suite), chosen.cache, 400 if chosen.quick else 1))
    except UnpromptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    pin(chosen.suite / "suite.toml")
    write_golden(chosen.suite)
    (chosen.suite / FILE).write_bytes(encoded(found))
    told, stored = (json.loads((chosen.suite / name).read_text("utf-8")) for name in (FIGURES, FILE))
    chosen.page.write_text(page(told, stored), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

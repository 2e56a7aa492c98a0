"""``python -m unprompt.recipes.lanes``: calibrate a suite's heads on each of its lanes, and measure what a lane costs.

    python -m unprompt.recipes.lanes --suite FOLDER --data SPEC --cache DIR [--lanes fast draft] [--pictures 16]

The evidence of all pictures is made once in every lane, into DIR. On the validation pictures each head gets a
calibration and thresholds of that lane, which go where the suite's file says (``fitted``); on the test pictures its
ranking, or an attributor's answers, are compared with the same head's in the exact lane, picture by picture. Nothing
is learned anew. The speed is that of the panel's evidence of some of the pictures, the lanes in turn. The figures go
into DIR/frontier.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from unprompt.choices import Band
from unprompt.detectors import ATTRIBUTORS, load, load_attributor
from unprompt.detectors.attributor import Attributor
from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.calibration import Thresholds, sigmoid
from unprompt.detectors.methods.panel import MEMBERS
from unprompt.errors import CheckpointError, DataError, UnpromptError
from unprompt.evaluation import Comparison, compare_scores
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import read
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.lanes import EXACT, LANE
from unprompt.instruments.overrides import joined_name
from unprompt.instruments.suite_file import pin
from unprompt.recipes.attribution_lanes import compare_answers, fit_of_lane
from unprompt.store import Store, write_aside
from unprompt.types import GENERATED, REAL, Label
from unprompt.workflows.data.labelled import Labelled, logits_of
from unprompt.workflows.extract import extract
from unprompt.workflows.fitting.calibration import calibrate

HEADS: Final = (*MEMBERS, "panel")
ROUNDS: Final = 3
FRONTIER: Final = "frontier.json"


@dataclass(frozen=True)
class LaneRun:
    """One suite, one set of pictures, and what was made of them in each lane."""

    suite: str
    data: str
    cache: Path

    def name(self, lane: str) -> str:
        """The suite in that lane."""
        return joined_name(self.suite, {} if lane == EXACT else {LANE: lane})

    def store(self, lane: str) -> Store:
        """The heads' evidence, made where it is lacking."""
        folder, heads = self.cache / lane, Suite.load(self.suite).heads
        present = [one for one in (*HEADS, *ATTRIBUTORS) if one in heads]
        for method in dict.fromkeys("panel" if one in HEADS else one for one in present):
            extract(method, data=self.data, out=folder, suite=self.name(lane), max_minutes=None)
        return Store(folder)

    def heads(self, lane: str) -> dict[str, Detector[Any, Any]]:
        """Method -> the suite's head in that lane."""
        suite = Suite.load(self.name(lane))
        return {method: load(suite.head(method), suite) for method in HEADS if method in suite.heads}

    def attributors(self, lane: str) -> dict[str, Attributor[Any, Any]]:
        """As :meth:`heads`."""
        suite = Suite.load(self.name(lane))
        return {method: load_attributor(suite.head(method), suite) for method in ATTRIBUTORS if method in suite.heads}

    def fit(self, lane: str) -> dict[str, Any]:
        """Digest of a head -> what was fitted on this lane's validation pictures, as its header has it.

        Without the detectors whose evidence is the same in every lane.
        """
        store, exact, fits = self.store(lane), Suite.load(self.suite), {}
        for method, head in self.heads(lane).items():
            if head.extractor.view(head.suite).products == head.extractor.view(exact).products:
                continue
            stated, (labels, logits) = thresholds_of(head), self._learned_from(store, head)
            band: Band = "conformal" if stated.conformal else "empirical"
            calibrate(head, labels, logits, band=band, fpr=stated.fpr, fnr=stated.fnr)
            logging.info(f"{lane}: {method} calibrated on {len(labels)} pictures")
            assert head.calibration is not None
            assert head.digest is not None
            fits[head.digest] = {
                "calibration": head.calibration.to_dict(),
                "thresholds": shortened(thresholds_of(head)),
            }
        return fits | {str(one.digest): fit_of_lane(one, store) for one in self.attributors(lane).values()}

    def compare_answers(self, lane: str) -> dict[str, Any]:
        """Attributor -> how often it is right, here and in the exact lane."""
        here, exact, twins = self.store(lane), self.store(EXACT), self.attributors(EXACT)
        return {name: compare_answers(one, here, twins[name], exact) for name, one in self.attributors(lane).items()}

    def compare(self, lane: str) -> dict[str, Any]:
        """Method -> how its ranking and its verdicts on the test pictures differ from those in the exact lane."""
        store, told = self.store(lane), {}
        for method, head in self.heads(lane).items():
            logits, pictures = logits_of([store], head, head.suite, "test")
            twin, others, same = self._exact[method]
            if pictures.pixels != same.pixels:
                raise DataError(f"{store.root} and {self.cache / EXACT} hold other pictures: delete one of them")
            compared = compare_scores(
                pictures.labels,
                head.probability(logits),
                twin.probability(others),
                pictures.generators,
                raw=(sigmoid(logits), sigmoid(others)),
                names=(lane, EXACT),
                pixels=pictures.originals,
            )
            told[method] = _figures(compared, pictures, verdicts(head, logits), verdicts(twin, others))
        return told

    @cached_property
    def _exact(self) -> dict[str, tuple[Detector[Any, Any], Floats, Labelled]]:
        """Method -> its head in the exact lane, and what that says of the test pictures; asked once for all lanes."""
        store = self.store(EXACT)
        return {
            method: (head, *logits_of([store], head, head.suite, "test")) for method, head in self.heads(EXACT).items()
        }

    def _learned_from(self, store: Store, head: Detector[Any, Any]) -> tuple[list[Label], Floats]:
        """Of the validation pictures that are real or by the generators that the head's own calibration saw."""
        logits, pictures = logits_of([store], head, head.suite, "validation")
        known = head.figures.get("generators", sorted(set(pictures.generators)))
        pairs = zip(pictures.labels, pictures.generators, strict=True)
        kept = [place for place, (label, name) in enumerate(pairs) if label == REAL or name in known]
        return [pictures.labels[place] for place in kept], logits[kept]


def shortened(thresholds: Thresholds) -> dict[str, object]:
    """With six significant digits, rounded so that no rate is passed: what is above stays above, or comes nearer."""
    up, down = (Context(6, way).create_decimal for way in (ROUND_CEILING, ROUND_FLOOR))
    quantiles = tuple(float(up(one)) for one in thresholds.real_quantiles)
    kept = replace(
        thresholds, lower=float(down(thresholds.lower)), upper=float(up(thresholds.upper)), real_quantiles=quantiles
    )
    return kept.to_dict()


def verdicts(head: Detector[Any, Any], logits: Floats) -> list[str]:
    """Of the head's own thresholds."""
    thresholds = thresholds_of(head)
    return [thresholds.verdict(one) for one in head.probability(logits).tolist()]


def thresholds_of(head: Detector[Any, Any]) -> Thresholds:
    """The head's own; CheckpointError where it has none."""
    if head.thresholds is None:
        raise CheckpointError(f"{head.path} has no thresholds: train it with validation evidence")
    return head.thresholds


def _figures(compared: Comparison, pictures: Labelled, here: Sequence[str], exact: Sequence[str]) -> dict[str, Any]:
    """Of one method: AUC in both lanes, the paired difference, and what the verdicts were."""
    areas = {name: vars(row["auc"]) for name, row in compared.rows.items()}
    labels = np.asarray(pictures.labels)
    shares = {}
    for lane, told in ((compared.first, np.asarray(here)), (compared.second, np.asarray(exact))):
        shares[lane] = {
            "generated of generated": float((told[labels == GENERATED] == "generated").mean()),
            "generated of real": float((told[labels == REAL] == "generated").mean()),
            "real of generated": float((told[labels == GENERATED] == "real").mean()),
            "decided": float((told != "inconclusive").mean()),
        }
    agree = float(np.mean(np.asarray(here) == np.asarray(exact)))
    return {"auc": areas, "verdicts": shares, "agreement": agree, "pictures": len(pictures)}


def speeds(run: LaneRun, lanes: Sequence[str], paths: Sequence[Path]) -> dict[str, float]:
    """Lane -> processor seconds of the panel's evidence of a picture, the median of rounds in turn."""
    pictures = [read(path, str(path)) for path in paths]
    panels = {lane: run.heads(lane)["panel"] for lane in lanes}
    spent: dict[str, list[float]] = {lane: [] for lane in lanes}
    for panel in panels.values():
        panel.extractor.extract(ProductCache(pictures[:1], panel.suite))
    for _ in range(ROUNDS):
        for lane, panel in panels.items():
            panel.suite.diffusion.load()._read.cache_clear()  # type: ignore[attr-defined]
            began = time.process_time()
            panel.extractor.extract(ProductCache(pictures, panel.suite))
            spent[lane].append((time.process_time() - began) / len(pictures))
    return {lane: statistics.median(taken) for lane, taken in spent.items()}


def table(frontier: Mapping[str, Any]) -> str:
    """Pictures a second against AUC, a line a lane."""
    exact = frontier["speeds"][EXACT]
    methods = list(next(iter(frontier["lanes"].values())))
    lines = [f"| lane | s a picture | times as fast | {' | '.join(methods)} | same verdict |"]
    lines.append("| --- " + "| ---: " * (len(methods) + 3) + "|")
    for lane, spent in frontier["speeds"].items():
        cells = []
        for method in methods:
            first = next(iter(frontier["lanes"].values())) if lane == EXACT else frontier["lanes"][lane]
            area = first[method]["auc"]["macro"]
            moved = f"{100 * area['difference']:+.1f} ({100 * area['low']:+.1f} to {100 * area['high']:+.1f})"
            cells.append(f"{area['second']:.3f}" if lane == EXACT else moved)
        agree = "" if lane == EXACT else f"{frontier['lanes'][lane]['panel']['agreement']:.0%}"
        lines.append(f"| {lane} | {spent:.3f} | {exact / spent:.1f} | {' | '.join(cells)} | {agree} |")
    return "\n".join(lines)


def main() -> int:
    """Exit code 0 = fitted and measured, 1 = not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", required=True, help="the suite's folder or .toml file")
    parser.add_argument("--data", required=True, help="pictures with splits, as `unprompt extract --data` takes them")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--lanes", nargs="*", help="default: all of the suite's file")
    parser.add_argument("--pictures", type=int, default=16, help="how many the speed is measured on")
    chosen = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        measure(LaneRun(chosen.suite, chosen.data, chosen.cache), chosen.lanes, chosen.pictures)
    except UnpromptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def measure(run: LaneRun, lanes: Sequence[str] | None, pictures: int) -> None:
    """All of it: fits beside the suite's file, figures into the cache, the frontier on stdout."""
    manifest = Manifest.read(run.suite)
    lanes = list(manifest.lanes) if lanes is None else lanes
    for lane in lanes:
        if fitted := manifest.lane_of(lane).fitted:
            if not manifest.inside(fitted).exists():
                _put(manifest, fitted, {})  # without it no head can be loaded
            _put(manifest, fitted, run.fit(lane))
    stored = run.store(EXACT)
    paths = [Path(row["uri"]) for _, rows in stored.current() for row in rows.to_pylist() if row["status"] == "ok"]
    told = {
        "lanes": {lane: run.compare(lane) for lane in lanes},
        "attribution": {lane: run.compare_answers(lane) for lane in lanes},
        "speeds": speeds(run, [EXACT, *lanes], paths[:: max(1, len(paths) // pictures)][:pictures]),
        "parameters": {lane: dict(manifest.lane_of(lane).parameters) for lane in lanes},
    }
    run.cache.joinpath(FRONTIER).write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    print(table(told))


def _put(manifest: Manifest, fitted: str, fits: Mapping[str, Any]) -> None:
    """Write what was fitted beside the suite's file, and its digest into that."""
    manifest.inside(fitted).parent.mkdir(exist_ok=True)
    text = json.dumps(fits, separators=(",", ":"), sort_keys=True)
    write_aside(manifest.inside(fitted), lambda file: file.write(f"{text}\n".encode()))
    pin(manifest.file)


if __name__ == "__main__":
    sys.exit(main())

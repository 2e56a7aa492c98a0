"""``unprompt evaluate``: a checkpoint's figures on stored evidence, at the thresholds fitted on validation data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import unprompt
from unprompt.choices import Split
from unprompt.detectors import ATTRIBUTORS, load, load_attributor
from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.calibration import sigmoid
from unprompt.detectors.checkpoint import read_header
from unprompt.detectors.methods.panel import MEMBERS
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import (
    AttributionTable,
    Bounds,
    Comparison,
    EvaluationTable,
    compare_scores,
    evaluate_scores,
)
from unprompt.instruments import Suite
from unprompt.perturbations import grid
from unprompt.report.results import check_suffix, write_results
from unprompt.store import Store
from unprompt.urls import local_path
from unprompt.workflows.data.labelled import Labelled, failures, stores, suite_of
from unprompt.workflows.data.perturbed import perturbed_store
from unprompt.workflows.fitting.attribution import measure
from unprompt.workflows.fitting.grounding import admitted_logits

log = logging.getLogger(__name__)


def evaluate(
    checkpoint: Path | str,
    *,
    evidence: Sequence[str | Path] | str | Path,
    split: Split = "test",
    suite: str | Path | None = None,
    threshold: float = 0.5,
    fpr: float | None = None,
    against: Path | str | None = None,
    robustness: Sequence[str] | None = None,
    pair: Sequence[str] | None = None,
    out: Sequence[Path | str] | None = None,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
) -> EvaluationTable | AttributionTable:
    """Measure a checkpoint: each generator, their mean, and all, with intervals.

    The verdicts are counted by the checkpoint's own thresholds, which validation pictures gave it. Pictures that could
    not be read are counted, and enter no figure; copies of a picture count once. A generator is measured against the
    real pictures that its benchmark pairs it with, else all.

    Of an attributor: the confusion matrix, each generator's accuracy, and how often an unseen generator is called none
    of these; it has no thresholds, and none of the options fpr, against, robustness, pair and out.

    Args:
        checkpoint: File that ``train`` wrote.
        evidence: A folder that ``extract`` wrote, or its URL; may be given several times.
        split: The pictures to measure on.
        suite: The suite that made the evidence, if not the one it names.
        threshold: Calibrated probability above which a picture counts as generated.
        fpr: Move the upper threshold of the verdicts to this false-positive rate, by the validation pictures.
        against: Report the difference from this checkpoint, on the same pictures.
        robustness: Measure after perturbations too, with the same thresholds: sare, sare-flips, semgir, tidy, item,
            papers, tidy-variance or item-variance (the sigma of their noise as a variance), or NAME:VALUE,...; the
            evidence goes into its folder ``perturbed``; may be given several times.
        pair: The real pictures that a generator is measured against, as GENERATOR=COLLECTION; may be given several
            times.
        out: Write all figures with all settings: .parquet, .json, .md, .html or .tex; may be given several times.
        repeats: Draws of the bootstrap; 0 = no intervals.
        level: Share that the intervals are to cover.
        seed: Seed of the draws.
    """
    folders, pairs = stores(evidence), _pairs(pair or ())
    if read_header(Path(checkpoint)).method in ATTRIBUTORS:
        unused = {"fpr": fpr, "against": against, "robustness": robustness, "pair": pair, "out": out}
        given = [name for name, value in unused.items() if value]
        return _attribution(Path(checkpoint), folders, split, (suite, device, dtype), given)
    job = _Evaluation(folders, split, suite, threshold, fpr, pairs, repeats, level, seed, device, dtype)
    chains = grid(robustness or ())
    for path in out or ():
        check_suffix(local_path(path, "--out"))
    detector, table = job.table(Path(checkpoint), job.folders)
    perturbed: dict[str, EvaluationTable] = {}
    for place, chain in enumerate(chains, 1):
        log.info(f"perturbation {place} of {len(chains)}: {chain}")
        store = perturbed_store(job.folders, detector, split, chain)
        _, perturbed[str(chain)] = job.table(Path(checkpoint), [store], str(chain))
    table = replace(table, perturbed=perturbed)
    if against is not None:
        table = replace(table, against=job.compare(Path(checkpoint), Path(against)))
    for path in out or ():
        write_results(Path(path), table)
        log.info(f"results: {path}")
    return table


def _attribution(
    checkpoint: Path,
    folders: list[Store],
    split: Split,
    chosen: tuple[str | Path | None, str, str],
    unused: Sequence[str],
) -> AttributionTable:
    method = read_header(checkpoint).method
    if unused:
        raise OptionError(f"--{unused[0]} is of no use to {method}, which tells generators apart: leave it out")
    suite, device, dtype = chosen
    instruments = Suite.load(suite if suite is not None else suite_of(folders, (method,)), device, dtype)
    return measure(load_attributor(checkpoint, instruments), folders, split)


@dataclass(frozen=True)
class _Scores:
    """A checkpoint's logits of the labelled pictures of one split."""

    detector: Detector[Any, Any]
    suite: str
    logits: Floats
    """The head's own, before its calibration."""
    pictures: Labelled
    ungrounded: Mapping[str, float]
    """Class -> share of its pictures without a grounded object, those that are left out included."""

    @property
    def probabilities(self) -> Floats:
        """Calibrated."""
        return self.detector.probability(self.logits)


@dataclass(frozen=True)
class _Evaluation:
    """The settings of one evaluation."""

    folders: list[Store]
    split: Split
    suite: str | Path | None
    threshold: float
    fpr: float | None
    pairs: Mapping[str, str]
    repeats: int
    level: float
    seed: int
    device: str
    dtype: str

    def table(
        self, checkpoint: Path, folders: Sequence[Store], perturbation: str = ""
    ) -> tuple[Detector[Any, Any], EvaluationTable]:
        """The detector and its figures on the pictures of ``folders``."""
        scored = self._scored(checkpoint, folders)
        labels, generators = failures(folders, self.split)
        bounds = self._bounds(scored.detector)
        table = evaluate_scores(
            scored.pictures.labels + labels,
            [*scored.probabilities.tolist(), *[None] * len(labels)],
            scored.pictures.generators + generators,
            self.threshold,
            raw=[*sigmoid(scored.logits).tolist(), *[None] * len(labels)],
            pixels=[*scored.pictures.originals, *[None] * len(labels)],
            pairs=self.pairs,
            bounds=bounds,
            repeats=self.repeats,
            level=self.level,
            seed=self.seed,
        )
        return scored.detector, replace(
            table,
            settings=self._settings(checkpoint, folders, scored, perturbation),
            ungrounded=scored.ungrounded,
        )

    def compare(self, first: Path, second: Path) -> Comparison:
        """The difference on the pictures that both have evidence of."""
        one, other = (self._scored(path, self.folders) for path in (first, second))
        keys = [list(zip(each.pictures.labels, each.pictures.pixels, strict=True)) for each in (one, other)]
        theirs = {key: place for place, key in enumerate(keys[1])}
        kept = [place for place, key in enumerate(keys[0]) if key in theirs]
        same = [theirs[keys[0][place]] for place in kept]
        if not kept:
            raise DataError(
                f"{first} and {second} have evidence of no picture in common: extract both from the same data"
            )
        return compare_scores(
            [one.pictures.labels[place] for place in kept],
            one.probabilities[kept],
            other.probabilities[same],
            [one.pictures.generators[place] for place in kept],
            self.threshold,
            raw=(sigmoid(one.logits[kept]), sigmoid(other.logits[same])),
            names=(str(first), str(second)),
            pixels=[one.pictures.originals[place] for place in kept],
            pairs=self.pairs,
            repeats=max(1, self.repeats),
            level=self.level,
            seed=self.seed,
        )

    def _scored(self, checkpoint: Path, folders: Sequence[Store]) -> _Scores:
        method = read_header(checkpoint).method
        name = self.suite if self.suite is not None else suite_of(folders, MEMBERS if method == "panel" else (method,))
        suite = Suite.load(name, self.device, self.dtype)
        detector = load(checkpoint, suite)
        return _Scores(detector, suite.name, *admitted_logits(folders, detector, suite, self.split))

    def _settings(
        self, checkpoint: Path, folders: Sequence[Store], scored: _Scores, perturbation: str
    ) -> dict[str, Any]:
        detector = scored.detector
        return {
            "method": detector.method,
            "checkpoint": str(checkpoint),
            "suite": scored.suite,
            "split": self.split,
            "perturbation": perturbation,
            "digest": detector.digest,
            "evidence": [str(folder.root) for folder in folders],
            "instruments": detector.instruments(),
            "options": detector.options.to_dict(),
            "calibration": detector.calibration.kind if detector.calibration else None,
            "bounds": vars(bounds) if (bounds := self._bounds(detector)) else None,
            "prior": 0.5,
            "pairs": dict(self.pairs),
            "bootstrap": {"repeats": self.repeats, "level": self.level, "seed": self.seed},
            "version": unprompt.__version__,
        }

    def _bounds(self, detector: Detector[Any, Any]) -> Bounds | None:
        stored = detector.thresholds
        if stored is None:
            return None
        moved = stored if self.fpr is None else stored.at_fpr(self.fpr)
        return Bounds(moved.lower, moved.upper, moved.fpr, moved.fnr, moved.conformal)


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        generator, equals, collection = text.partition("=")
        if not (generator and equals and collection):
            raise OptionError(f"--pair is {text!r}, expected GENERATOR=COLLECTION, as ldm_200=laion")
        pairs[generator] = collection
    return pairs

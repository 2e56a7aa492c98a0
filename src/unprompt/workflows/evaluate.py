"""``unprompt evaluate``: a checkpoint's figures on stored evidence, by the thresholds that validation data gave it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unprompt.detectors import ATTRIBUTORS, load, load_attributor
from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.checkpoint import read_header
from unprompt.detectors.panel import MEMBERS, Panel
from unprompt.evaluation import AttributionTable, EvaluationTable, evaluate_scores
from unprompt.instruments import Suite
from unprompt.store import Store
from unprompt.types import Split
from unprompt.workflows.attributors import measure
from unprompt.workflows.collect import Labelled, failures, joined, member_logits, stores, suite_of


def evaluate(
    checkpoint: str | Path,
    *,
    evidence: str | Path | Sequence[str | Path],
    split: Split = "test",
    suite: str | Path | None = None,
    threshold: float = 0.5,
) -> EvaluationTable | AttributionTable:
    """Per generator, macro and pooled figures of one split; ``threshold`` cuts the calibrated probability.

    Of an attributor: the confusion matrix, each generator's accuracy, and how often an outsider is called none of
    these; ``threshold`` is not its business. Pictures that could not be read are counted, and enter no figure.
    """
    folders, path = stores(evidence), Path(checkpoint)
    header = read_header(path)
    names = MEMBERS if header.method == "panel" else (header.method,)
    instruments = Suite.load(suite if suite is not None else suite_of(folders, names))
    if header.method in ATTRIBUTORS:
        return measure(load_attributor(path, instruments), folders, split)
    detector = load(path, instruments)
    logits, found = _logits(folders, detector, instruments, split)
    labels, generators = failures(folders, split)
    probabilities = [*detector.probability(logits).tolist(), *[None] * len(labels)]
    return evaluate_scores(found.labels + labels, probabilities, found.generators + generators, threshold)


def _logits(
    folders: Sequence[Store], detector: Detector[Any, Any], suite: Suite, split: Split
) -> tuple[Floats, Labelled]:
    if isinstance(detector, Panel):
        features, found = member_logits(folders, detector.members, suite, split)
        return detector.combined(features), found
    found = joined(folders, detector, suite, split)
    return detector.logits(found.evidence), found

"""Attribution in a lane: calibrations of the candidates' heads on its evidence, and what its answers cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from unprompt.detectors.attributor import Attributor, targets
from unprompt.detectors.base import Floats
from unprompt.detectors.decide import answers
from unprompt.evaluation import compare_scores, fit_platt
from unprompt.store import Store
from unprompt.types import GENERATED, NONE_OF_THESE
from unprompt.workflows.data.labelled import Labelled, gathered
from unprompt.workflows.fitting.attribution import attributable

Candidates = Attributor[Any, Any]


def fit_of_lane(head: Candidates, store: Store) -> dict[str, Any]:
    """Calibrations on the lane's validation pictures: real ones, and those by generators that its own saw."""
    evidence, makers = attributable(head, [store], "validation", None)
    known = head.figures.get("generators", makers)
    kept = [place for place, maker in enumerate(makers) if maker is None or maker in known]
    truth = targets(head.candidates, [makers[place] for place in kept], f"the validation split of {store.root}")
    pairs = zip(head.candidates, truth.T, head.logits(evidence)[kept].T, strict=True)
    return {"calibration": {name: fit_platt(own, logits).to_dict() for name, own, logits in pairs}}


def compare_answers(head: Candidates, store: Store, twin: Candidates, exact: Store) -> dict[str, Any]:
    """Kind of test picture -> share of right answers in the lane and in the exact one, and the paired difference."""
    (here, pictures), (there, _) = _right(head, store), _right(twin, exact)
    named = ["candidates" if name in head.candidates else "outsiders" for name in pictures.generators]
    kinds = [name if label == GENERATED else "" for name, label in zip(named, pictures.labels, strict=True)]
    rows = compare_scores(pictures.labels, here, there, kinds, pixels=pictures.originals).rows
    shares = {kind: vars(rows[kind]["fake_accuracy"]) for kind in sorted({*kinds} - {""})}
    return {**shares, "real pictures": vars(rows["pooled"]["real_accuracy"])}


def _right(head: Candidates, store: Store) -> tuple[Floats, Labelled]:
    """N pictures under the candidates' names, and of each its label where the answer is right, else the other one."""
    pictures = gathered([store], head, head.suite, "test")
    given = answers(head.candidates, head.probabilities(head.logits(pictures.evidence)))
    named = [head.candidate_of(name) for name in pictures.generators]
    right = np.equal(given, [name if name in head.candidates else NONE_OF_THESE for name in named])
    labels = np.asarray(pictures.labels, np.float64)
    return np.where(right, labels, GENERATED - labels), replace(pictures, generators=named)

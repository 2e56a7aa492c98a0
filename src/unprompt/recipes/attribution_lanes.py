"""Attribution in a lane: calibrations on its evidence, and what its answers cost."""

from __future__ import annotations

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


def fit_of_lane(head: Attributor[Any, Any], store: Store) -> dict[str, Any]:
    """Calibrations on validation pictures: real ones, and those by generators that its own saw."""
    evidence, makers = attributable(head, [store], "validation", None)
    known = head.figures.get("generators", makers)
    kept = [place for place, maker in enumerate(makers) if maker is None or maker in known]
    truth = targets(head.candidates, [makers[place] for place in kept], f"the validation split of {store.root}")
    pairs = zip(head.candidates, truth.T, head.logits(evidence)[kept].T, strict=True)
    return {"calibration": {name: fit_platt(own, logits).to_dict() for name, own, logits in pairs}}


def compare_answers(
    head: Attributor[Any, Any], store: Store, twin: Attributor[Any, Any], exact: Store
) -> dict[str, Any]:
    """Maker of test pictures -> share of right answers here and in the exact lane, and the paired difference."""
    (here, pictures), (there, _) = _right(head, store), _right(twin, exact)
    rows = compare_scores(pictures.labels, here, there, pictures.generators, pixels=pictures.originals).rows
    shares = {name: vars(row["fake_accuracy"]) for name, row in rows.items()}
    return {**shares, "real": vars(rows["pooled"]["real_accuracy"])}


def _right(head: Attributor[Any, Any], store: Store) -> tuple[Floats, Labelled]:
    """N labels, of a wrong answer the other one; and the pictures."""
    pictures = gathered([store], head, head.suite, "test")
    given = answers(head.candidates, head.probabilities(head.logits(pictures.evidence)))
    named = map(head.candidate_of, pictures.generators)
    right = np.equal(given, [name if name in head.candidates else NONE_OF_THESE for name in named])
    labels = np.asarray(pictures.labels, np.float64)
    return np.where(right, labels, GENERATED - labels), pictures

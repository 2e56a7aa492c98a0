"""What a head says of the test pictures, as columns that are stored and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from unprompt.detectors import ATTRIBUTORS, load, load_attributor
from unprompt.detectors.attributor import Attributor
from unprompt.detectors.base import Detector
from unprompt.detectors.calibration import sigmoid
from unprompt.detectors.checkpoint import read_header
from unprompt.errors import DataError
from unprompt.evaluation import HeadScores
from unprompt.instruments import Suite
from unprompt.store import SCORES, Store, write_table
from unprompt.store.parquet import read_table
from unprompt.types import GENERATED, Split
from unprompt.workflows.data.labelled import failures, gathered
from unprompt.workflows.fitting.grounding import admitted_logits

Head: TypeAlias = Detector[Any, Any] | Attributor[Any, Any]
OTHERS: Final = "others"
"""Name of the pictures that a candidate is told from."""


def open_head(checkpoint: Path, suite: Suite) -> Head:
    """The head of a file, be it a detector's or an attributor's."""
    return (load_attributor if read_header(checkpoint).method in ATTRIBUTORS else load)(checkpoint, suite)


def scores_of(head: Head, store: Store, candidates: Sequence[str], split: Split = "test") -> dict[str, HeadScores]:
    """Candidate -> scores of a split's pictures; of a detector under one name alone, its candidate's or none."""
    failed = len(failures([store], split)[0])
    if isinstance(head, Attributor):
        return _of_attributor(head, store, candidates, failed)
    logits, pictures, _ = admitted_logits([store], head, head.suite, split)
    generators = pictures.generators
    if candidates:
        generators = [
            name if label == GENERATED else OTHERS for label, name in zip(pictures.labels, generators, strict=True)
        ]
    columns = pictures.labels, generators, pictures.originals, head.probability(logits), sigmoid(logits), failed
    return {(candidates[0] if candidates else ""): HeadScores(*columns)}


def _of_attributor(
    head: Attributor[Any, Any], store: Store, candidates: Sequence[str], failed: int
) -> dict[str, HeadScores]:
    """Generated pictures alone, as in SemGIR's table 2: one by a candidate against those by all others."""
    pictures = gathered([store], head, head.suite, "test")
    pictures = pictures.subset([place for place, label in enumerate(pictures.labels) if label == GENERATED])
    logits = head.logits(pictures.evidence)
    probabilities, found = head.probabilities(logits), {}
    for name in candidates:
        if (meant := head.candidate_of(name)) not in head.candidates:
            raise DataError(f"{head.method} has heads for {', '.join(head.candidates)}, none for {name}")
        place = head.candidates.index(meant)
        labels = [int(made == name) for made in pictures.generators]
        generators = [name if label else OTHERS for label in labels]
        columns = labels, generators, pictures.originals, probabilities[:, place], sigmoid(logits[:, place]), failed
        found[name] = HeadScores(*columns)
    return found


def by_any(views: Mapping[str, HeadScores]) -> HeadScores:
    """Is a picture by one of the candidates at all? The highest of their scores, by which open sets are told apart."""
    places = [{pixels: place for place, pixels in enumerate(one.pixels)} for one in views.values()]
    shared = [pixels for pixels in places[0] if all(pixels in one for one in places)]
    parts = [one.subset([own[pixels] for pixels in shared]) for one, own in zip(views.values(), places, strict=True)]
    labels = np.array([one.labels for one in parts])  # a picture's is 1 in the view of its maker alone
    makers = list(views)
    return HeadScores(
        labels=labels.max(axis=0).tolist(),
        generators=[makers[column.argmax()] if column.any() else OTHERS for column in labels.T],
        pixels=shared,
        probabilities=np.max([one.probabilities for one in parts], axis=0),
        raw=np.max([one.raw for one in parts], axis=0),
        failed=max(one.failed for one in views.values()),
    )


def write_scores(path: Path, views: dict[str, HeadScores]) -> None:
    """One file of all candidates."""
    tables = [
        pa.table(
            {
                "candidate": [name] * len(one.labels),
                "label": pa.array(one.labels, pa.int64()),
                "generator": list(one.generators),
                "pixels": list(one.pixels),
                "probability": one.probabilities,
                "raw": one.raw,
                "failed": pa.array([one.failed] * len(one.labels), pa.int64()),
            }
        )
        for name, one in views.items()
    ]
    write_table(path, pa.concat_tables(tables), SCORES)


def read_scores(path: Path) -> dict[str, HeadScores] | None:
    """What :func:`write_scores` wrote; None without a file."""
    table = read_table(path, SCORES)
    if table is None:
        return None
    found: dict[str, HeadScores] = {}
    names = np.array(table["candidate"].to_pylist())
    for name in dict.fromkeys(names.tolist()):
        own = table.filter(pa.array(names == name))
        labels, generators, pixels = (own[column].to_pylist() for column in ("label", "generator", "pixels"))
        probabilities, raw = (own[column].to_numpy() for column in ("probability", "raw"))
        found[name] = HeadScores(labels, generators, pixels, probabilities, raw, own["failed"][0].as_py())
    return found

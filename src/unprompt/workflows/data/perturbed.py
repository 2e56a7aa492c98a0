"""The pictures of stored evidence once more, after a perturbation: a store of their own, filled where it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unprompt.detectors.base import Detector
from unprompt.perturbations import Chain
from unprompt.store import Store
from unprompt.types import Sample, Split
from unprompt.workflows.data.labelled import sample_rows
from unprompt.workflows.data.splits import assigned_split
from unprompt.workflows.extract import extract_samples

FOLDER = "perturbed"
"""Inside the evidence's own folder, one folder a perturbation."""


def perturbed_store(folders: Sequence[Store], detector: Detector[Any, Any], split: Split, chain: Chain) -> Store:
    """The evidence of ``detector`` on the labelled pictures of one split after ``chain``.

    Unreadable pictures are tried again, so that they are counted there too.
    """
    place = folders[0].root / FOLDER / str(chain).replace(":", "-").replace(",", "+")
    samples = _samples(folders, split)
    return extract_samples(detector.extractor, samples, place, detector.suite, chain)


def _samples(folders: Sequence[Store], split: Split) -> list[Sample]:
    found = {
        row["uri"]: Sample(row["uri"], row["label"], row["generator"], split)
        for row in sample_rows(folders)
        if row["label"] is not None and assigned_split(row) == split
    }
    return list(found.values())

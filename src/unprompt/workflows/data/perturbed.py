"""The pictures of stored evidence once more, after a perturbation: in a store of their own, made where missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unprompt.detectors.base import Model
from unprompt.perturbations import Chain
from unprompt.store import Store
from unprompt.types import Sample, Split
from unprompt.workflows.data.labelled import dtypes_of, sample_rows
from unprompt.workflows.data.splits import in_split
from unprompt.workflows.extract import extract_samples

FOLDER = "perturbed"
"""Inside the evidence's own folder, one folder a perturbation."""


def perturbed_store(folders: Sequence[Store], detector: Model[Any, Any], split: Split, chain: Chain) -> Store:
    """The evidence of ``detector`` on the labelled pictures of one split after ``chain``.

    Unreadable pictures are tried again, so that they are counted there too.
    """
    place = folders[0].root / FOLDER / str(chain).replace(":", "-").replace(",", "+")
    known = {one.uri for shard in Store(place).shards() for one in shard.samples}  # one may have lost its label since
    samples = {
        row["uri"]: Sample(row["uri"], row["label"], row["generator"], split)
        for row in sample_rows(folders)
        if in_split(row, split) or (row["label"] is None and row["uri"] in known)
    }
    suite = detector.suite.at_dtype(dtypes_of(folders, detector)[0])  # as the evidence that it is compared with
    return extract_samples(detector.extractor, list(samples.values()), place, suite, chain)

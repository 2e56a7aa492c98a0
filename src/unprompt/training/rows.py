"""Evidence as a network takes it, with its labels, by index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from unprompt.detectors.base import Model
from unprompt.evidence.sequence import StoredEvidence

Labels: TypeAlias = Sequence[int] | npt.NDArray[np.integer] | npt.NDArray[np.floating]
"""N zeros and ones; for an attributor N x K, one column a candidate."""

CHUNK = 4096
"""Evidence that is collated at a time, where that is done once."""
WIDE = 1024
"""Rows out of memory that go through a network at once when it is measured."""


class Rows:
    """Pictures of one split; those of a ``cacheable_features`` method are collated once and then only chosen from."""

    def __init__(self, detector: Model[Any, Any], evidence: Sequence[Any], labels: Labels) -> None:
        self.detector, self.evidence = detector, evidence
        self.labels = np.asarray(labels, np.float32)
        detector.check(evidence)
        self._order: tuple[tuple[int, int], npt.NDArray[np.int64]] | None = None
        self.cached = self._collated() if detector.cacheable_features and len(evidence) else None

    def __len__(self) -> int:
        return len(self.evidence)

    def batch(self, index: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[tuple[Tensor, ...], Tensor]:
        """The network's inputs of these rows, augmented where the method augments, and their labels."""
        target = torch.from_numpy(self.labels[index])
        if self.cached is None:
            return self.detector.collate(self._chosen(index), rng), target
        where = torch.from_numpy(index)
        return tuple(column.index_select(0, where) for column in self.cached), target

    def order(self, seed: int, epoch: int) -> npt.NDArray[np.int64]:
        """An epoch's order; of stored evidence that does not fit into memory a few shards at a time are mixed."""
        if self._order is None or self._order[0] != (seed, epoch):
            rng = np.random.default_rng((seed, epoch))
            stored = self.evidence if self.cached is None and isinstance(self.evidence, StoredEvidence) else None
            self._order = (seed, epoch), stored.shuffled(rng) if stored else rng.permutation(len(self))
        return self._order[1]

    def loss(self, first: int = 0, stride: int = 1) -> float:
        """Sum of the cross-entropies of each ``stride``-th row; divided by the number of labels it is their mean."""
        target = torch.from_numpy(self.labels[first::stride].astype(np.float64))
        if not len(target):
            return 0.0
        logits = torch.from_numpy(self._logits(first, stride))
        return float(F.binary_cross_entropy_with_logits(logits, target, reduction="sum"))

    def _logits(self, first: int, stride: int) -> npt.NDArray[np.float64]:
        if self.cached is None:
            return self.detector.logits(self.evidence[first::stride])
        return self.detector.answers(self._wide([column[first::stride] for column in self.cached]))

    def _wide(self, columns: list[Tensor]) -> Iterator[tuple[Tensor, ...]]:
        for start in range(0, len(columns[0]), WIDE):
            yield tuple(column[start : start + WIDE] for column in columns)

    def _chosen(self, index: npt.NDArray[np.int64]) -> Sequence[Any]:
        if isinstance(self.evidence, StoredEvidence):
            return self.evidence.take(index)
        return [self.evidence[i] for i in index]

    def _collated(self) -> tuple[Tensor, ...]:
        """Into place chunk by chunk, so that no row is in memory twice."""
        columns: tuple[Tensor, ...] = ()
        evidence = self.evidence.unkept() if isinstance(self.evidence, StoredEvidence) else self.evidence
        for start in range(0, len(evidence), CHUNK):
            part = self.detector.collate(list(evidence[start : start + CHUNK]))
            columns = columns or tuple(one.new_empty((len(self.evidence), *one.shape[1:])) for one in part)
            for column, rows in zip(columns, part, strict=True):
                column[start : start + len(rows)] = rows
        return columns

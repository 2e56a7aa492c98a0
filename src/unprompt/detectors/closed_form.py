"""Detectors that are fitted in one go, without a training loop: the one optimum of a convex loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unprompt.detectors.base import Detector, E, Floats, O
from unprompt.detectors.heads import LinearHead
from unprompt.detectors.logistic import logistic
from unprompt.detectors.options import ClosedFormOptions


class ClosedForm(Detector[E, O]):
    """A detector whose weights come from all evidence at once."""

    @abstractmethod
    def solve(self, evidence: Sequence[E], labels: npt.ArrayLike) -> None:
        """Fit the head to evidence with labels 0 and 1."""


class LinearDetector(ClosedForm[E, ClosedFormOptions]):
    """A linear head on a few features; a subclass says which."""

    Options = ClosedFormOptions
    network: LinearHead

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of features."""

    @abstractmethod
    def features(self, evidence: Sequence[E]) -> Floats:
        """N x width float64."""

    def solve(self, evidence: Sequence[E], labels: npt.ArrayLike) -> None:
        self.check(evidence)
        self.solve_features(self.features(evidence), labels)

    def solve_features(self, features: Floats, labels: npt.ArrayLike) -> None:
        """As :meth:`solve`, from N x width features."""
        weights, bias = logistic(features, labels, self.options.l2)
        self.network.set_weights(weights, bias)

    def _build(self) -> LinearHead:
        return LinearHead(self.width)

    def collate(self, evidence: Sequence[E], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.features(evidence)).float(),)

"""Detectors that are fitted in one go, without a training loop: the one optimum of a convex loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor

from unprompt.detectors.base import Detector, E, Floats, O
from unprompt.detectors.heads import LinearHead
from unprompt.detectors.labels import labelled
from unprompt.detectors.options import ClosedFormOptions


def logistic(features: Floats, labels: npt.ArrayLike, l2: float) -> tuple[Floats, float]:
    """d weights and the bias that minimise the class-balanced mean cross-entropy + l2/2 |w|^2.

    The penalty counts the weights of the standardised features, N x d, and spares the bias; weights may take
    any sign. Balanced: each class weighs one half, so that the logit is that of prior 0.5.
    """
    generated = labelled(len(features), labels)
    centre, spread = features.mean(0), scale_of(features, features.std(0))
    design = (features - centre) / spread
    weights = np.where(generated, 0.5 / generated.sum(), 0.5 / (~generated).sum())

    def loss(at: Floats) -> tuple[float, Floats]:
        odds = design @ at[:-1] + at[-1]
        sample_log_loss = weights * (np.logaddexp(0, odds) - generated * odds)
        slope = weights * (np.exp(-np.logaddexp(0, -odds)) - generated)
        gradient = np.append(design.T @ slope + l2 * at[:-1], slope.sum())
        return float(sample_log_loss.sum() + l2 / 2 * at[:-1] @ at[:-1]), gradient

    start = np.zeros(features.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "gtol": 1e-9, "ftol": 1e-14})
    coefficients = found.x[:-1] / spread
    return coefficients, float(found.x[-1] - coefficients @ centre)


def scale_of(features: Floats, spread: Floats) -> Floats:
    """d deviations to divide N x d centred features by; infinite where all N are one number, so that it counts nothing.

    A mean of equal floats is not always that float, so their deviation is not always 0.
    """
    return np.where((np.ptp(features, axis=0) > 0) & (spread > 0), spread, np.inf)


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

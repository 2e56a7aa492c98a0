"""The one fit of a logistic model, which heads, panels and calibrations share. Importing this loads no torch."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from unprompt.detectors.labels import labelled

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

NEWTON_STEPS: Final = 100
GRADIENT_TOLERANCE: Final = 1e-12
SAME_LOSS: Final = 1e-14
"""Losses that differ by less are equal, up to rounding: there a full step is right."""
RIDGE: Final = 1e-9
"""Added to the curvature only: it keeps a step finite where all probabilities are saturated, and moves no optimum."""


def class_weights(generated: Flags, prior: float = 0.5) -> Floats:
    """One weight a picture, 1 in sum, with a share ``prior`` of it on the generated ones; both classes present."""
    return np.asarray(np.where(generated, prior / generated.sum(), (1 - prior) / (~generated).sum()))


def scale_of(features: Floats, spread: Floats) -> Floats:
    """d deviations to divide N x d centred features by; infinite where all N are one number, so that it counts nothing.

    A mean of equal floats is not always that float, so their deviation is not always 0.
    """
    return np.where((np.ptp(features, axis=0) > 0) & (spread > 0), spread, np.inf)


def minimise_cross_entropy(
    design: Floats, targets: Floats, weights: Floats, *, offset: float | Floats = 0.0, l2: float | Floats = 0.0
) -> Floats:
    """The k numbers x that minimise the weighted cross-entropy of sigmoid(design @ x + offset) + sum of l2 x^2 / 2.

    N x k design, N targets in [0, 1], N weights, k penalties or one. By damped Newton steps to a gradient of 1e-12:
    scipy's minimisers compare losses, whose last bit hides gradients below 1e-8, and a Platt slope would move with it.
    """

    def loss(at: Floats) -> float:
        odds = design @ at + offset
        return float(weights @ (np.logaddexp(0, odds) - targets * odds) + np.sum(l2 * at**2) / 2)

    x = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        probability = expit(design @ x + offset)
        gradient = design.T @ (weights * (probability - targets)) + l2 * x
        if np.abs(gradient).max() < GRADIENT_TOLERANCE:
            break
        curvature = design.T @ (design * (weights * probability * (1 - probability))[:, None])
        step = np.linalg.solve(curvature + np.diag(np.broadcast_to(l2 + np.float64(RIDGE), x.size)), gradient)
        size = 1.0
        while loss(x - size * step) > loss(x) + SAME_LOSS - 1e-4 * size * float(gradient @ step) and size > 1e-10:
            size /= 2
        x = x - size * step
    return x


def logistic(features: Floats, labels: npt.ArrayLike, l2: float) -> tuple[Floats, float]:
    """d weights and the bias that minimise the class-balanced mean cross-entropy + l2/2 |w|^2.

    The penalty counts the weights of the standardised features, N x d, and spares the bias; weights may take
    any sign. Balanced: each class weighs one half, so that the logit is that of prior 0.5.
    """
    generated = labelled(len(features), labels)
    centre, spread = features.mean(0), scale_of(features, features.std(0))
    design, basis = (features - centre) / spread, None
    if design.shape[1] > len(design):  # the optimum lies in the span of the pictures
        basis, triangle = np.linalg.qr(design.T)
        design = triangle.T
    design = np.column_stack([design, np.ones(len(design))])
    penalty = np.append(np.full(design.shape[1] - 1, l2), 0.0)
    x = minimise_cross_entropy(design, generated.astype(np.float64), class_weights(generated), l2=penalty)
    coefficients = (x[:-1] if basis is None else basis @ x[:-1]) / spread
    return coefficients, float(x[-1] - coefficients @ centre)

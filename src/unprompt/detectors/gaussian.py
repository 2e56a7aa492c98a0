"""A Gaussian of many features, and how far from its middle a row lies: Lee et al., 2018.

https://arxiv.org/abs/1807.03888
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.errors import CheckpointError

Floats: TypeAlias = npt.NDArray[np.float64]

RANK: Final = 160
"""Directions of a description whose variance is kept apart; the others share one."""
LEAST_DEVIATION: Final = 1e-3
LEAST_VARIANCE: Final = 1e-6


def shrinkage(x: Floats) -> float:
    """Share of the identity that makes X'X / n, for centred N x F rows, the best guess: Ledoit and Wolf, 2004."""
    n, width = x.shape
    gram = x @ x.T if n < width else x.T @ x
    squared, mean = float(np.square(gram).sum()) / n**2, float(np.square(x).sum()) / (n * width)
    distance = squared - width * mean**2
    error = (float(np.square(np.square(x).sum(axis=1)).sum()) / n - squared) / n
    return min(max(error, 0.0), distance) / distance if distance > 0 else 1.0


@dataclass(frozen=True, eq=False)
class MahalanobisGaussian:
    """A Gaussian of F features with ``rank`` variances of its own and one for the rest: Tipping and Bishop, 1999."""

    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    """F deviations, which every feature is divided by first."""
    axes: npt.NDArray[np.float16]
    """rank x F orthonormal directions of the most variance."""
    variances: npt.NDArray[np.float32]
    """rank + 1: along each axis, and along every direction across them."""

    @classmethod
    def fit(cls, rows: Floats, rank: int = RANK) -> MahalanobisGaussian:
        """From N x F rows, by the eigenvectors of their shrunk covariance."""
        mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), LEAST_DEVIATION)
        x = (rows - mean) / scale
        values, vectors = np.linalg.eigh(x.T @ x / len(x))
        share = shrinkage(x)
        values = np.maximum((1 - share) * values + share * values.mean(), LEAST_VARIANCE)[::-1]
        others = values[rank:].mean() if len(values) > rank else LEAST_VARIANCE
        return cls(
            mean.astype(np.float32),
            scale.astype(np.float32),
            vectors.T[::-1][:rank].astype(np.float16),
            np.append(values[:rank], others).astype(np.float32),
        )

    def check(self) -> None:
        """ValueError for shapes that do not fit each other, or for numbers of which no distance can be made."""
        rank, shapes = len(self.axes), {name: values.shape for name, values in vars(self).items()}
        width = self.mean.size
        if shapes != {"mean": (width,), "scale": (width,), "axes": (rank, width), "variances": (rank + 1,)}:
            raise ValueError(f"its tensors have the shapes {shapes}")
        if not all(np.isfinite(values).all() for values in vars(self).values()):
            raise ValueError("its tensors have numbers that are NaN or infinite")
        if min(self.scale.min(initial=1), self.variances.min()) <= 0:
            raise ValueError("its tensors have a deviation or variance of 0 or less")

    def distances(self, rows: Floats) -> Floats:
        """N Mahalanobis distances, of mean square F on pictures like those of the fit."""
        if rows.shape[1] != self.mean.size:
            raise CheckpointError(
                f"the world check describes {self.mean.size} features, pictures have {rows.shape[1]}: fit it again"
            )
        x = (rows - self.mean) / self.scale
        along = x @ self.axes.T.astype(np.float64)
        squares = (np.square(along) / self.variances[:-1]).sum(axis=1)
        if len(self.axes) < x.shape[1]:
            across = np.square(x).sum(axis=1) - np.square(along).sum(axis=1)
            squares = squares + np.maximum(across, 0) / self.variances[-1]
        return np.asarray(np.sqrt(squares))

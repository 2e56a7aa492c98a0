"""The one check of what comes in: labels and scores as two sound columns of one length."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.errors import DataError, OptionError

Flags: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]


def checked_scores(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Flags, Floats]:
    """N labels as "is generated" and N finite scores, N >= 1; :class:`DataError` for anything else."""
    flags, values = _column("labels", labels), _column("scores", scores)
    if flags.shape != values.shape:
        raise DataError(f"got {flags.size} labels and {values.size} scores: give one score for each label")
    if not flags.size:
        raise DataError("got no labels and no scores: at least one picture is needed")
    _refuse("labels", labels, (flags != 0) & (flags != 1), "0 (real) or 1 (generated)")
    _refuse("scores", scores, ~np.isfinite(values), "a finite number; leave out the pictures that failed")
    return flags == 1, values


def checked_probabilities(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Flags, Floats]:
    """As :func:`checked_scores`, and every score is a probability in [0, 1]."""
    generated, values = checked_scores(labels, probabilities)
    _refuse("probabilities", probabilities, (values < 0) | (values > 1), "between 0 and 1; logits are calibrated first")
    return generated, values


def require_both_classes(generated: Flags, what: str) -> None:
    """``what`` needs a real and a generated picture; :class:`DataError` when a class is empty."""
    n_generated = int(generated.sum())
    if not 0 < n_generated < generated.size:
        n_real = generated.size - n_generated
        raise DataError(
            f"{what} needs at least one real and one generated picture, got {n_real} real and "
            f"{n_generated} generated: add pictures of the missing class"
        )


def check_rate(name: str, value: float) -> None:
    """:class:`OptionError` unless 0 <= value <= 1."""
    if not 0 <= value <= 1:
        raise OptionError(f"{name} is {value}, expected a rate between 0 and 1, such as 0.05 for 5 %")


def check_level(level: float) -> None:
    """:class:`OptionError` unless 0 < level < 1."""
    if not 0 < level < 1:
        raise OptionError(f"level is {level}, expected a share above 0 and below 1, such as 0.95")


def _column(name: str, values: npt.ArrayLike) -> Floats:
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} cannot be read as a list of numbers ({error}): give one number a picture") from error
    if column.ndim != 1:
        raise DataError(f"{name} has shape {column.shape}, expected one dimension: give one number a picture")
    return column


def _refuse(name: str, values: npt.ArrayLike, wrong: Flags, expected: str) -> None:
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{name}[{first}] is {np.asarray(values)[first]}, expected {expected}")

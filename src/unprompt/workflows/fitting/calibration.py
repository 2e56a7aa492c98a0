"""What every head gets from validation pictures: a calibration, two thresholds and its card's figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unprompt.choices import Band, CalibrationMap
from unprompt.detectors import load
from unprompt.detectors.base import Detector
from unprompt.detectors.methods.panel import MEMBERS, Panel
from unprompt.detectors.options import ClosedFormOptions
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import average_precision, fit_calibration, fit_thresholds, roc_auc
from unprompt.instruments import Suite
from unprompt.store import Store
from unprompt.types import GENERATED, REAL
from unprompt.workflows.data.labelled import Labelled, member_logits

FOLDS = 5
"""A panel's calibration sees logits of members' weights that were fitted without the picture."""

Floats = npt.NDArray[np.float64]


def calibrate(
    detector: Detector[Any, Any],
    labels: npt.ArrayLike,
    logits: Floats,
    *,
    calibration: CalibrationMap = "platt",
    band: Band = "empirical",
    fpr: float = 0.05,
    fnr: float = 0.05,
) -> None:
    """Give a detector its calibration and both thresholds from N validation labels and logits."""
    if band not in ("empirical", "conformal"):
        raise OptionError(f"--band is {band!r}, expected empirical or conformal")
    detector.calibration = fit_calibration(labels, logits, calibration)
    probabilities = detector.calibration.probability(logits)
    detector.thresholds = fit_thresholds(labels, probabilities, fpr, fnr, band == "conformal")


def folds_of(pixels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Each picture's fold of FOLDS, by the hash of its pixels."""
    return np.asarray([int(one[-8:], 16) % FOLDS for one in pixels])


def validation_figures(
    labels: Sequence[int] | npt.NDArray[np.int64], logits: Floats, generators: Sequence[str], data: str = "validation"
) -> dict[str, Any]:
    """The card's figures of N validation pictures; ``generators`` names each one's generator or collection."""
    truth = np.asarray(labels)
    return {
        "data": data,
        "auc": roc_auc(truth, logits),
        "ap": average_precision(truth, logits),
        "n_real": int((truth == REAL).sum()),
        "n_generated": int((truth == GENERATED).sum()),
        "generators": sorted(
            {name for name, label in zip(generators, truth, strict=True) if label == GENERATED and name}
        ),
    }


def fit_panel(
    folders: Sequence[Store],
    path: Path,
    suite: Suite,
    options: ClosedFormOptions,
    generators: Sequence[str] | None,
) -> tuple[Panel, Floats, Labelled]:
    """The panel of the members beside ``path``, and logits by weights that were fitted without the picture's fold."""
    present = [path.parent / f"{name}.safetensors" for name in MEMBERS]
    members = [load(file, suite) for file in present if file.is_file()]
    if len(members) < 2:
        raise DataError(
            f"{path.parent} holds {len(members)} of the panel's members, expected two or more of "
            f"{', '.join(file.name for file in present)}: train them there first"
        )
    panel = Panel(suite, members, options)
    features, pictures = member_logits(folders, members, suite, "validation", generators)
    labels, logits = np.asarray(pictures.labels), np.empty(len(pictures))
    fold = folds_of(pictures.pixels)
    for number in range(FOLDS):
        held_out = fold == number
        panel.solve_features(features[~held_out], labels[~held_out])
        logits[held_out] = panel.combined(features[held_out])
    panel.solve_features(features, labels)
    return panel, logits, pictures

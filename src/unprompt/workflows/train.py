"""``unprompt train``: a method's head from stored evidence, calibrated and given its thresholds on validation data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.detectors import ATTRIBUTORS, EVERY, METHODS, load
from unprompt.detectors.base import Detector, Model
from unprompt.detectors.calibration import Calibration, Isotonic, Thresholds
from unprompt.detectors.methods.panel import MEMBERS, Panel
from unprompt.detectors.options import ClosedFormOptions
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import (
    average_precision,
    fit_isotonic,
    fit_platt,
    fit_temperature,
    fit_thresholds,
    roc_auc,
)
from unprompt.instruments import Suite
from unprompt.store import Store
from unprompt.training.course import Tell, Validation, unheard
from unprompt.training.fit import refuse
from unprompt.training.journal import Logger
from unprompt.training.run import Precision, Run, Strategy, leads
from unprompt.types import GENERATED, REAL
from unprompt.workflows.data.labelled import Labelled, joined, member_logits, stores, suite_of
from unprompt.workflows.fitting.attribution import fit_attributor, names_in
from unprompt.workflows.fitting.head_training import Learning
from unprompt.workflows.fitting.spread import spread_of

log = logging.getLogger(__name__)

FOLDS = 5
"""A panel's calibration sees logits of members' weights that were fitted without the picture."""

Floats = npt.NDArray[np.float64]
Map: TypeAlias = Literal["platt", "isotonic", "temperature"]
Band: TypeAlias = Literal["empirical", "conformal"]


def train(
    method: str,
    *,
    evidence: str | Path | Sequence[str | Path],
    out: str | Path,
    suite: str | Path | None = None,
    seed: int = 0,
    fpr: float = 0.05,
    fnr: float = 0.05,
    calibration: Map = "platt",
    band: Band = "empirical",
    half: bool = False,
    generators: Sequence[str] | str | None = None,
    device: str = "cpu",
    devices: int = 1,
    strategy: Strategy = "auto",
    precision: Precision = "32",
    accumulate: int = 1,
    workers: int = 0,
    patience: int | None = None,
    logger: Logger | None = None,
    log_dir: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    watch: Tell = unheard,
) -> Path:
    """Train ``method`` on the train split of ``evidence``, calibrate it on the validation split, save it to ``out``.

    ``panel`` is fitted on the validation split, over the members whose checkpoints lie beside ``out``. Pictures
    whose index names no split get one from their hash. An interrupted training goes on by the same command.
    ``fpr`` and ``fnr`` are what the two thresholds promise: of the validation pictures, or, with ``band``
    "conformal", of new pictures of the same kind; an attributor has none. ``half`` stores float16; ``generators``
    leaves out what other generators drew; ``options`` overrides the method's own defaults by name.

    The plain loop trains on ``device``; ``devices``, ``strategy``, ``precision``, ``accumulate`` and ``workers`` ask
    for Lightning (extra ``train``), and never change how many pictures a step has. ``patience`` ends a training that
    many epochs after the best one. ``logger`` (csv, tensorboard, wandb) writes each epoch's losses below ``log_dir``,
    by default ``OUT.logs``. ``watch`` hears of every step.
    """
    run = Run(device, devices, strategy, precision, accumulate, workers, patience)
    made, folders, path = EVERY[method], stores(evidence), Path(out)
    learn = Learning(path, seed, run, logger, log_dir, watch)
    instruments = Suite.load(
        suite if suite is not None else suite_of(folders, MEMBERS if method == "panel" else (method,))
    )
    chosen, names = made.fitting_options(instruments).override(options), names_in(generators)

    def judged(detector: Detector[Any, Any], logits: Floats, found: Labelled) -> str:
        return calibrate(detector, logits, found, calibration, band, fpr, fnr)

    fitted: Model[Any, Any]
    if method == "panel":
        refuse(run, method)
        fitted, logits, found = _panel(folders, path, instruments, chosen, names)
        reached = judged(fitted, logits, found)
    elif method in ATTRIBUTORS:
        fitted = attributor = ATTRIBUTORS[method](instruments, chosen, seed)
        reached = fit_attributor(attributor, folders, names, learn)
    else:
        fitted = detector = METHODS[method](instruments, chosen, seed)
        learned, found = (joined(folders, detector, instruments, split, names) for split in ("train", "validation"))
        learn(detector, learned.evidence, learned.labels, Validation(found.evidence, found.labels))
        reached = judged(detector, detector.logits(found.evidence), found)
    if isinstance(fitted, Detector) and (moves := spread_of(folders, fitted, instruments)) is not None:
        fitted.figures["spread"] = moves.to_dict()
    fitted.training["suite"] = instruments.manifest.name
    if not leads():  # another process of this training saves
        return path
    fitted.save(path, half=half)
    learn.partial.unlink(missing_ok=True)
    log.info(f"{method}: validation {reached}; saved {path}")
    return path


def _panel(
    folders: Sequence[Store],
    path: Path,
    suite: Suite,
    options: ClosedFormOptions,
    generators: Sequence[str] | None,
) -> tuple[Panel, Floats, Labelled]:
    present = [path.parent / f"{name}.safetensors" for name in MEMBERS]
    members = [load(file, suite) for file in present if file.is_file()]
    if len(members) < 2:
        raise DataError(
            f"{path.parent} holds {len(members)} of the panel's members, expected two or more of "
            f"{', '.join(file.name for file in present)}: train them there first"
        )
    panel = Panel(suite, members, options)
    features, found = member_logits(folders, members, suite, "validation", generators)
    labels = np.asarray(found.labels)
    logits = np.empty(len(found))
    fold = np.asarray([int(one[-8:], 16) % FOLDS for one in found.pixels])
    for number in range(FOLDS):
        held = fold == number
        panel.solve_features(features[~held], labels[~held])
        logits[held] = panel.combined(features[held])
    panel.solve_features(features, labels)
    return panel, logits, found


def _calibrated(kind: Map, labels: Sequence[int], logits: Floats) -> Calibration | Isotonic:
    if kind == "platt":
        return Calibration(*fit_platt(labels, logits))
    if kind == "temperature":
        return Calibration(1 / fit_temperature(labels, logits), 0.0, "temperature")
    if kind == "isotonic":
        corners, probabilities = fit_isotonic(labels, logits)
        return Isotonic(tuple(corners.tolist()), tuple(probabilities.tolist()))
    raise OptionError(f"--calibration is {kind!r}, expected platt, isotonic or temperature")


def calibrate(
    detector: Detector[Any, Any],
    logits: Floats,
    found: Labelled,
    calibration: Map,
    band: Band,
    fpr: float,
    fnr: float,
) -> str:
    """Give a detector its calibration, thresholds and figures from validation pictures; what it reached, in words."""
    calibrated = _calibrated(calibration, found.labels, logits)
    return _judge(detector, logits, found, calibrated, fpr, fnr, _conformal(band))


def _conformal(band: Band) -> bool:
    if band not in ("empirical", "conformal"):
        raise OptionError(f"--band is {band!r}, expected empirical or conformal")
    return band == "conformal"


def _judge(
    detector: Detector[Any, Any],
    logits: Floats,
    found: Labelled,
    calibration: Calibration | Isotonic,
    fpr: float,
    fnr: float,
    conformal: bool,
) -> str:
    """Calibration, thresholds and the card's figures, all from validation pictures; what was reached, in words."""
    labels = np.asarray(found.labels)
    detector.calibration = calibration
    probabilities = calibration.probability(logits)
    lower, upper = fit_thresholds(labels, probabilities, fpr, fnr, conformal)
    detector.thresholds = Thresholds.from_validation(
        lower,
        upper,
        fpr=fpr,
        fnr=fnr,
        real=probabilities[labels == REAL],
        n_generated=int((labels == GENERATED).sum()),
        conformal=conformal,
    )
    detector.figures = {
        "data": "validation",
        "auc": roc_auc(labels, logits),
        "ap": average_precision(labels, logits),
        "n_real": int((labels == REAL).sum()),
        "n_generated": int((labels == GENERATED).sum()),
        "generators": sorted(
            {name for name, label in zip(found.generators, found.labels, strict=True) if label and name}
        ),
    }
    return f"AUC {detector.figures['auc']:.3f} on {len(found)} pictures"

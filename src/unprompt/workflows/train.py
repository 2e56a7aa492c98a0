"""``unprompt train``: a method's head from stored evidence, calibrated and given its thresholds on validation data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unprompt.detectors import ATTRIBUTORS, EVERY, METHODS
from unprompt.detectors.base import Detector, Model
from unprompt.detectors.methods.panel import MEMBERS
from unprompt.evaluation import Map
from unprompt.instruments import Suite
from unprompt.training.fit import Validation, refuse_run
from unprompt.training.metric_logger import Logger
from unprompt.training.run import Precision, Run
from unprompt.training.state import Callback, noop
from unprompt.workflows.data.labelled import joined, stores, suite_of
from unprompt.workflows.fitting.attribution import fit_attributor, names_in
from unprompt.workflows.fitting.calibration import Band, calibrate, fit_panel, validation_figures
from unprompt.workflows.fitting.head_training import FitCallback
from unprompt.workflows.fitting.spread import spread_of

log = logging.getLogger(__name__)


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
    precision: Precision = "32",
    accumulate: int = 1,
    workers: int = 0,
    patience: int | None = None,
    logger: Logger | None = None,
    log_dir: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    watch: Callback = noop,
) -> Path:
    """Train ``method`` on the train split of ``evidence``, calibrate it on the validation split, save it to ``out``.

    ``panel`` is fitted on the validation split, over the members whose checkpoints lie beside ``out``. Pictures
    whose index names no split get one from their hash. An interrupted training goes on by the same command.
    ``fpr`` and ``fnr`` are what the two thresholds promise: of the validation pictures, or, with ``band``
    "conformal", of new pictures of the same kind; an attributor has none. ``half`` stores float16; ``generators``
    leaves out what other generators drew; ``options`` overrides the method's own defaults by name.

    ``devices`` are processes on this machine, each on a device of its own; they, ``precision``, ``accumulate`` and
    ``workers`` never change how many pictures a step has. ``patience`` ends a training that many epochs after the best
    one. ``logger`` (csv, or by an extra tensorboard, wandb) writes each epoch's losses below ``log_dir``, by default
    ``OUT.logs``. ``watch`` is called after every step.
    """
    run = Run(device, devices, precision, accumulate, workers, patience)
    made, folders, path = EVERY[method], stores(evidence), Path(out)
    learn = FitCallback(path, seed, run, logger, log_dir, watch)
    instruments = Suite.load(
        suite if suite is not None else suite_of(folders, MEMBERS if method == "panel" else (method,))
    )
    chosen, names = made.fitting_options(instruments).override(options), names_in(generators)

    fitted: Model[Any, Any]
    if method == "panel":
        refuse_run(run, method)
        fitted, logits, found = fit_panel(folders, path, instruments, chosen, names)
    elif method in ATTRIBUTORS:
        fitted = attributor = ATTRIBUTORS[method](instruments, chosen, seed)
        reached = fit_attributor(attributor, folders, names, learn)
    else:
        fitted = detector = METHODS[method](instruments, chosen, seed)
        learned, found = (joined(folders, detector, instruments, split, names) for split in ("train", "validation"))
        learn(detector, learned.evidence, learned.labels, Validation(found.evidence, found.labels))
        logits = detector.logits(found.evidence)
    if isinstance(fitted, Detector):
        calibrate(fitted, found.labels, logits, calibration=calibration, band=band, fpr=fpr, fnr=fnr)
        fitted.figures = validation_figures(found.labels, logits, found.generators)
        reached = f"AUC {fitted.figures['auc']:.3f} on {len(found)} pictures"
        if (moves := spread_of(folders, fitted, instruments)) is not None:
            fitted.figures["spread"] = moves.to_dict()
    fitted.training["suite"] = instruments.manifest.name
    fitted.save(path, half=half)
    learn.partial.unlink(missing_ok=True)
    log.info(f"{method}: validation {reached}; saved {path}")
    return path

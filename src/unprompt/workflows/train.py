"""``unprompt train``: a method's head from stored evidence, calibrated and given its thresholds on validation data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unprompt.choices import Band, CalibrationMap, EngineName, Logger, Precision
from unprompt.detectors import ATTRIBUTORS, EVERY, METHODS
from unprompt.detectors.base import Detector, Model
from unprompt.detectors.methods.panel import MEMBERS
from unprompt.instruments import Suite
from unprompt.training.fit import Validation, refuse_run
from unprompt.training.run import Run
from unprompt.training.state import Callback, noop
from unprompt.urls import local_path
from unprompt.workflows.data.labelled import dtypes_of, joined, stores, suite_of
from unprompt.workflows.fitting.attribution import fit_attributor, stored_names
from unprompt.workflows.fitting.calibration import calibrate, fit_panel, validation_figures
from unprompt.workflows.fitting.grounding import admitted
from unprompt.workflows.fitting.head_training import FitCallback
from unprompt.workflows.fitting.spread import spread_of

log = logging.getLogger(__name__)


def train(
    method: str,
    *,
    evidence: Sequence[str | Path] | str | Path,
    out: Path | str,
    suite: str | Path | None = None,
    seed: int = 0,
    fpr: float = 0.05,
    fnr: float = 0.05,
    calibration: CalibrationMap = "platt",
    band: Band = "empirical",
    half: bool = False,
    generators: str | Sequence[str] | None = None,
    device: str = "cpu",
    engine: EngineName = "local",
    devices: int = 1,
    address: str | None = None,
    precision: Precision = "32",
    accumulate: int = 1,
    checkpointing: bool = False,
    workers: int = 0,
    patience: int | None = None,
    logger: Logger | None = None,
    log_dir: Path | str | None = None,
    options: Mapping[str, Any] | None = None,
    watch: Callback = noop,
) -> Path:
    """Train a method's head on stored evidence.

    It learns on the train split; its calibration and its thresholds come from the validation split. ``panel`` is
    fitted on the validation split, over the members whose checkpoints lie beside ``out``. Pictures whose index names no
    split get one from their hash. An interrupted training goes on by the same command. ``watch`` is called after every
    step.

    Args:
        evidence: A folder that ``extract`` wrote, or its URL; may be given several times.
        out: File that the trained head is written to.
        suite: The suite that made the evidence, if not the one it names.
        seed: Seed of everything that is drawn.
        fpr: Share of real pictures that may be called generated, in (0, 1).
        fnr: Share of generated pictures that may be called real, in (0, 1).
        calibration: The map from a head's logit to a probability.
        band: Whether fpr and fnr hold for the validation pictures or for new ones like them.
        half: Store the weights as float16.
        generators: Leave out what other generators drew, as a,b,c, by any of their names; default: use all.
        device: Where the head is trained, as torch names it: cpu, cuda, cuda:1.
        devices: Processes that share each step, each on a device of its own.
        precision: Numbers of the network's forward pass; its weights stay float32.
        accumulate: Parts that a device takes its share of a step in, to save memory.
        checkpointing: Compute the activations of a learned transformer again for its gradients, to save memory.
        workers: Processes a device that prepare pictures ahead.
        patience: End so many epochs after the best validation loss; default: all epochs.
        logger: Log each epoch's losses; tensorboard and wandb need the extras train and wandb.
        log_dir: Folder of the logs; default: CHECKPOINT.logs.
    """
    run = Run(device, devices, precision, accumulate, checkpointing, workers, patience, engine, address)
    method_class, folders, path = EVERY[method], stores(evidence), local_path(out, "--out")
    learn = FitCallback(path, seed, run, logger, log_dir, watch)
    named = suite if suite is not None else suite_of(folders, MEMBERS if method == "panel" else (method,))
    # Several processes fork before a GPU is used, and a cluster has it elsewhere; one embeds there what a step needs.
    instruments = Suite.load(named, device if devices == 1 and engine == "local" else "cpu")
    chosen = method_class.fitting_options(instruments).override(options)
    names = stored_names(folders, generators, instruments.manifest, method)

    fitted: Model[Any, Any]
    if method == "panel":
        refuse_run(run, method)
        fitted, logits, held_out = fit_panel(folders, path, instruments, chosen, names)
    elif method in ATTRIBUTORS:
        fitted = attributor = ATTRIBUTORS[method](instruments, chosen, seed)
        result = fit_attributor(attributor, folders, names, learn)
    else:
        fitted = detector = METHODS[method](instruments, chosen, seed)
        seen, held_out = (
            admitted(detector, joined(folders, detector, instruments, split, names), split)[0]
            for split in ("train", "validation")
        )
        learn(detector, seen.evidence, seen.labels, Validation(held_out.evidence, held_out.labels))
        logits = detector.logits(held_out.evidence)
    if isinstance(fitted, Detector):
        calibrate(fitted, held_out.labels, logits, calibration=calibration, band=band, fpr=fpr, fnr=fnr)
        fitted.figures = validation_figures(held_out.labels, logits, held_out.generators)
        result = f"AUC {fitted.figures['auc']:.3f} on {len(held_out)} pictures"
        if (moves := spread_of(folders, fitted, instruments)) is not None:
            fitted.figures["spread"] = moves.to_dict()
    fitted.training["suite"] = instruments.name
    if (numbers := dtypes_of(folders, fitted)) != ["float32"]:
        fitted.training["dtypes"] = numbers
    fitted.save(path, half=half)
    learn.partial.unlink(missing_ok=True)
    log.info(f"{method}: validation {result}; saved {path}")
    return path

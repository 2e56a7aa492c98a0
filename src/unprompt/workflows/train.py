"""``unprompt train``: a method's head from stored evidence, calibrated and given its thresholds on validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.detectors import METHODS, load
from unprompt.detectors.base import Detector
from unprompt.detectors.calibration import Calibration, Isotonic, Thresholds
from unprompt.detectors.options import Options
from unprompt.detectors.panel import MEMBERS, Panel
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
from unprompt.training.fit import Report, Validation, fit
from unprompt.types import GENERATED, REAL
from unprompt.workflows.collect import Labelled, joined, member_logits, stores, suite_of
from unprompt.workflows.extract import silent

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
    options: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = silent,
) -> Path:
    """Train ``method`` on the train split of ``evidence``, calibrate it on the validation split, save it to ``out``.

    ``panel`` is fitted on the validation split, over the members whose checkpoints lie beside ``out``. Pictures
    whose index names no split get one from their hash. An interrupted training goes on by the same command.
    ``fpr`` and ``fnr`` are what the two thresholds promise: of the validation pictures, or, with ``band``
    "conformal", of new pictures of the same kind. ``half`` stores float16; ``options`` overrides the method's own
    defaults by name.
    """
    made, folders, path = METHODS[method], stores(evidence), Path(out)
    instruments = Suite.load(
        suite if suite is not None else suite_of(folders, MEMBERS if method == "panel" else (method,))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    detector: Detector[Any, Any]
    if method == "panel":
        detector, logits, found = _panel(folders, path, instruments, options)
    else:
        detector, logits, found = _single(made, folders, path, instruments, seed, options, say)
    _judge(detector, logits, found, _calibrated(calibration, found.labels, logits), fpr, fnr, _conformal(band))
    detector.save(path, half=half)
    _partial(path).unlink(missing_ok=True)
    say(f"{method}: validation AUC {detector.figures['auc']:.3f} on {len(found)} pictures; saved {path}")
    return path


def _single(
    method: type[Detector[Any, Any]],
    folders: Sequence[Store],
    path: Path,
    suite: Suite,
    seed: int,
    options: Mapping[str, Any] | None,
    say: Callable[[str], None],
) -> tuple[Detector[Any, Any], Floats, Labelled]:
    detector = _made(method, suite, options, seed)
    learned = joined(folders, detector, suite, "train")
    found = joined(folders, detector, suite, "validation")
    fit(
        detector,
        learned.evidence,
        learned.labels,
        seed,
        on_epoch=lambda report: say(f"{method.method}: {_told(report)}"),
        validation=Validation(found.evidence, found.labels),
        partial=_partial(path),
    )
    return detector, detector.logits(found.evidence), found


def _made(
    method: type[Detector[Any, Any]], suite: Suite, options: Mapping[str, Any] | None, seed: int
) -> Detector[Any, Any]:
    fitting = method.fitting_options(suite)
    return method(suite, _with(fitting, options), seed)


def _with(fitting: Options, options: Mapping[str, Any] | None) -> Any:
    """The method's options with some exchanged; OptionError for a name that it does not have."""
    names = sorted(fitting.to_dict())
    for name in options or {}:
        if name not in names:
            raise OptionError(f"got the option {name!r}, expected one of {', '.join(names)}")
    return type(fitting).from_dict({**fitting.to_dict(), **(options or {})})


def _panel(
    folders: Sequence[Store], path: Path, suite: Suite, options: Mapping[str, Any] | None
) -> tuple[Panel, Floats, Labelled]:
    present = [path.parent / f"{name}.safetensors" for name in MEMBERS]
    members = [load(file, suite) for file in present if file.is_file()]
    if len(members) < 2:
        raise DataError(
            f"{path.parent} holds {len(members)} of the panel's members, expected two or more of "
            f"{', '.join(file.name for file in present)}: train them there first"
        )
    panel = Panel(suite, members, _with(Panel.Options(), options))
    features, found = member_logits(folders, members, suite, "validation")
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
) -> None:
    """Calibration, thresholds and the card's figures, all from validation pictures."""
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


def _told(report: Report) -> str:
    validation = "" if report.validation_loss is None else f"  validation {report.validation_loss:.4f}"
    return (
        f"epoch {report.epoch:.1f}/{report.epochs}  loss {report.loss:.4f}{validation}{'  best' if report.best else ''}"
    )


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")

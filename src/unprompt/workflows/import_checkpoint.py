"""``unprompt import-checkpoint``: a head that its authors published, as a checkpoint of ours."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from unprompt.choices import Band, CalibrationMap
from unprompt.detectors import METHODS
from unprompt.detectors.public import PublicHead, fill, read_public
from unprompt.errors import OptionError
from unprompt.instruments import Suite
from unprompt.instruments.digests import file_digest
from unprompt.urls import local_path
from unprompt.workflows.data.labelled import joined, stores
from unprompt.workflows.fitting.calibration import calibrate, validation_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)


def import_checkpoint(
    method: str,
    file: Path | str,
    *,
    out: Path | str,
    suite: str | Path = "paper",
    evidence: Sequence[str | Path] | str | Path | None = None,
    fpr: float = 0.05,
    fnr: float = 0.05,
    calibration: CalibrationMap = "platt",
    band: Band = "empirical",
) -> Path:
    """Import a head that its authors published: tensors alone, nothing in the file is run.

    A published head has no calibration: with evidence, of the same suite, it gets one and its two thresholds from the
    validation split, as a trained one does. Without, neither ``detect`` nor ``evaluate`` takes it.

    Args:
        file: The published weights: .pth, .pt or .safetensors.
        out: File that the head is written to.
        suite: The suite whose models the head is built on.
        evidence: Calibrate on the validation split of this; may be given several times.
        fpr: Share of real pictures that may be called generated, in (0, 1).
        fnr: Share of generated pictures that may be called real, in (0, 1).
        calibration: The map from the logit to a probability.
        band: Whether fpr and fnr hold for the validation pictures or for new ones like them.
    """
    method_class, source = METHODS[method], Path(file)
    out = local_path(out, "--out")
    if not issubclass(method_class, PublicHead):
        names = [name for name in METHODS if issubclass(METHODS[name], PublicHead)]
        raise OptionError(f"method is {method!r}, expected one whose published head can be read: {', '.join(names)}")
    instruments = Suite.load(suite)
    detector = method_class(instruments, method_class.public_options())
    fill(detector.network, method_class.public_weights(read_public(source)), source)
    result = "no calibration: give --evidence before it is used"
    if evidence is not None:
        held_out = joined(stores(evidence), detector, instruments, "validation")
        logits = detector.logits(held_out.evidence)
        calibrate(detector, held_out.labels, logits, calibration=calibration, band=band, fpr=fpr, fnr=fnr)
        detector.figures = validation_figures(held_out.labels, logits, held_out.generators)
        result = f"validation AUC {detector.figures['auc']:.3f} on {len(held_out)} pictures"
    detector.figures |= {"imported": source.name, "imported_sha256": file_digest(source)}
    detector.training["suite"] = instruments.name
    detector.save(out)
    log.info(f"{method}: imported {source}; {result}; saved {out}")
    return out

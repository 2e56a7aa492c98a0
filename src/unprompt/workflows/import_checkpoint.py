"""``unprompt import-checkpoint``: a head that its authors published, as a checkpoint of ours."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from unprompt.detectors import METHODS, checkpoint
from unprompt.detectors.public import PublicHead, fill, read_public
from unprompt.errors import OptionError
from unprompt.evaluation import Map
from unprompt.instruments import Suite
from unprompt.workflows.data.labelled import joined, stores
from unprompt.workflows.fitting.calibration import Band, calibrate, validation_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)


def import_checkpoint(
    method: str,
    file: str | Path,
    *,
    out: str | Path,
    suite: str | Path = "paper",
    evidence: str | Path | Sequence[str | Path] | None = None,
    fpr: float = 0.05,
    fnr: float = 0.05,
    calibration: Map = "platt",
    band: Band = "empirical",
) -> Path:
    """Read the published weights of ``method`` from ``file``, tensors alone, and save them to ``out``.

    A published head has no calibration: with ``evidence``, of the same suite, it gets one and its two thresholds from
    the validation split, as a trained one does. Without, neither ``detect`` nor ``evaluate`` takes it.
    """
    made, source = METHODS[method], Path(file)
    if not issubclass(made, PublicHead):
        names = [name for name in METHODS if issubclass(METHODS[name], PublicHead)]
        raise OptionError(f"method is {method!r}, expected one whose published head can be read: {', '.join(names)}")
    instruments = Suite.load(suite)
    detector = made(instruments, made.public_options())
    fill(detector.network, made.public_weights(read_public(source)), source)
    reached = "no calibration: give --evidence before it is asked"
    if evidence is not None:
        found = joined(stores(evidence), detector, instruments, "validation")
        logits = detector.logits(found.evidence)
        calibrate(detector, found.labels, logits, calibration=calibration, band=band, fpr=fpr, fnr=fnr)
        detector.figures = validation_figures(found.labels, logits, found.generators)
        reached = f"validation AUC {detector.figures['auc']:.3f} on {len(found)} pictures"
    detector.figures |= {"imported": source.name, "imported_sha256": checkpoint.digest(source)}
    detector.training["suite"] = instruments.manifest.name
    detector.save(out)
    log.info(f"{method}: imported {source}; {reached}; saved {out}")
    return Path(out)

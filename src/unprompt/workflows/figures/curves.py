"""The numbers of ROC, DET and reliability plots: calibrated probabilities of checkpoints on stored evidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from unprompt.analysis import Scored, reliability_table, roc_table
from unprompt.detectors import load
from unprompt.detectors.checkpoint import read_header
from unprompt.detectors.methods.panel import MEMBERS
from unprompt.errors import OptionError
from unprompt.evaluation.pictures import POOLED, group_rows
from unprompt.types import REAL
from unprompt.workflows.figures.inputs import FigureInputs
from unprompt.workflows.fitting.grounding import admitted_logits


def roc(inputs: FigureInputs) -> pa.Table:
    """Corners of ROC and DET curves."""
    return roc_table(_lines(inputs))


def reliability(inputs: FigureInputs) -> pa.Table:
    """Bins of a reliability diagram."""
    return reliability_table(_lines(inputs))


def _lines(inputs: FigureInputs) -> dict[str, Scored]:
    """Of one checkpoint a line a generator and one of all; of several one each, of all their pictures."""
    if not inputs.checkpoints:
        raise OptionError("--checkpoint is missing, expected one file or several that train wrote")
    scored = {str(path): _scored(inputs, path) for path in inputs.checkpoints}
    if len(scored) == 1:
        return next(iter(scored.values()))
    stems = [Path(name).stem for name in scored]
    names = stems if len(set(stems)) == len(stems) else list(scored)
    return {name: lines[POOLED] for name, lines in zip(names, scored.values(), strict=True)}


def _scored(inputs: FigureInputs, path: Path) -> dict[str, Scored]:
    """Row of an evaluation -> its pictures, each generator's beside its real ones."""
    method = read_header(path).method
    suite = inputs.loaded(*(MEMBERS if method == "panel" else (method,)))
    detector = load(path, suite)
    logits, pictures, _ = admitted_logits(inputs.folders, detector, suite, inputs.split)
    probabilities, generated = detector.probability(logits), np.asarray(pictures.labels) != REAL
    rows = group_rows(generated, np.zeros_like(generated), pictures.generators, pictures.originals)
    lines = {
        name: Scored(rows.generated[row.members], probabilities[rows.places][row.members])
        for name, row in rows.rows.items()
    }
    return lines if len(lines) > 2 else {POOLED: lines[POOLED]}

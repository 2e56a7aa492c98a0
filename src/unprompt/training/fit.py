"""The one door to training: a detector, its evidence and its labels in, the weights of the best epoch kept.

Two engines take the steps. The plain loop is the default: one process, float32, torch alone; whatever kills it, the
same command goes on to the same bytes. Lightning is what devices, mixed precision, accumulation and workers ask for;
in one process and float32 it takes the loop's very steps, and both read and write one partial file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unprompt.detectors.base import Model
from unprompt.detectors.closed_form import ClosedForm
from unprompt.detectors.labels import labelled
from unprompt.errors import OptionError
from unprompt.instruments.loading import device_of
from unprompt.training import loop
from unprompt.training.course import Course, Report, Tell, Validation, unheard
from unprompt.training.rows import Labels
from unprompt.training.run import Run

__all__ = ["Labels", "Report", "Run", "Trained", "Validation", "fit", "refuse"]


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    epochs: int
    """Epochs that were gone through; 0 for what is solved."""
    kept: int
    """The epoch whose weights were kept, from 1."""


def fit(
    detector: Model[Any, Any],
    evidence: Sequence[Any],
    labels: Labels,
    seed: int = 0,
    on_epoch: Tell = unheard,
    validation: Validation | None = None,
    partial: Path | None = None,
    *,
    run: Run | None = None,
    on_step: Tell = unheard,
) -> Trained:
    """Fit the detector or attributor in place, by its own options; labels are 0 and 1.

    With ``validation`` the weights of the epoch with the lowest validation loss are kept, else the last ones.
    With ``partial`` the state is saved there at each epoch's end and every two minutes, and an interrupted run
    goes on from it; the caller removes the file once the detector is saved. ``run`` says on what it is trained.
    """
    chosen = run or Run()
    for column in np.atleast_2d(np.asarray(labels).T):
        labelled(len(evidence), column)
    if isinstance(detector, ClosedForm):
        refuse(chosen, detector.method)
        detector.solve(evidence, labels)
        return Trained(0, 0)
    course = Course(detector, evidence, labels, seed, on_epoch, on_step, validation, partial, chosen.patience)
    if not chosen.asked:
        loop.run(course, device_of(run.device) if run else detector.device)
        return Trained(course.progress.epoch, course.kept)
    from unprompt.training import lightning  # an extra, which loads for long

    return Trained(*lightning.run(course, chosen))


def refuse(run: Run, method: str) -> None:
    """:class:`OptionError` where a method that is solved in one go is asked to be trained in some special way."""
    if moot := [*run.asked, *(["patience"] if run.patience is not None else [])]:
        raise OptionError(f"--{moot[0]} is given, and {method} is solved in one go, without steps: leave it out")

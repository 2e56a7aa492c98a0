"""What ``train`` does with a head that learns: run it, tell of it, log it, and note on the head how it was done."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unprompt.detectors.base import Model
from unprompt.errors import OptionError
from unprompt.training.course import Report, Tell, Validation
from unprompt.training.fit import fit
from unprompt.training.journal import Journal, Logger
from unprompt.training.rows import Labels
from unprompt.training.run import Run, leads
from unprompt.types import GENERATED, REAL

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Learning:
    """One training of ``train``: where its head will lie, how it is run, and who hears of it."""

    path: Path
    seed: int
    run: Run
    logger: Logger | None
    log_dir: str | Path | None
    watch: Tell

    def __post_init__(self) -> None:
        if self.log_dir is not None and self.logger is None:
            raise OptionError(f"--log-dir is {self.log_dir}, and nothing is logged: give --logger csv too, or neither")

    @property
    def partial(self) -> Path:
        """Where an interrupted training goes on."""
        return self.path.with_name(self.path.name + ".partial")

    def __call__(self, fitted: Model[Any, Any], evidence: Sequence[Any], labels: Labels, held: Validation) -> None:
        """Fit in place."""
        journal = self._journal(fitted)

        def told(report: Report) -> None:
            log.info(f"{fitted.method}: {_told(report)}")
            if journal:
                journal(report)

        found = fit(fitted, evidence, labels, self.seed, told, held, self.partial, run=self.run, on_step=self.watch)
        fitted.training = {"seed": self.seed, **asdict(found), **_counts(labels), **self.run.to_dict()}
        if journal:
            journal.close()

    def _journal(self, fitted: Model[Any, Any]) -> Journal | None:
        if self.logger is None or not leads():
            return None
        folder = Path(self.log_dir) if self.log_dir is not None else self.path.with_name(self.path.name + ".logs")
        options = {"method": fitted.method, "seed": self.seed, **fitted.options.to_dict(), **self.run.to_dict()}
        return Journal(self.logger, folder, fitted.method, options)


def _counts(labels: Labels) -> dict[str, int]:
    """Pictures of the training, by label where that is real or generated."""
    told = np.asarray(labels)
    if told.ndim > 1:
        return {"n": len(told)}
    return {"n_real": int((told == REAL).sum()), "n_generated": int((told == GENERATED).sum())}


def _told(report: Report) -> str:
    validation = "" if report.validation_loss is None else f"  validation {report.validation_loss:.4f}"
    return (
        f"epoch {report.epoch:.1f}/{report.epochs}  loss {report.loss:.4f}{validation}{'  best' if report.best else ''}"
    )

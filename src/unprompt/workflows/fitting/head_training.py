"""The training of a head in ``train``: fit it, log its losses, and record on the head how it was done."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unprompt.choices import Logger
from unprompt.detectors.base import Model
from unprompt.errors import OptionError
from unprompt.training.fit import Validation, fit
from unprompt.training.metric_logger import MetricLogger
from unprompt.training.rows import Labels
from unprompt.training.run import Run
from unprompt.training.state import Callback, Report
from unprompt.types import GENERATED, REAL

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitCallback:
    """One training of ``train``: where its head will lie, how it is run, and where its losses are written."""

    path: Path
    seed: int
    run: Run
    logger: Logger | None
    log_dir: str | Path | None
    on_step: Callback

    def __post_init__(self) -> None:
        if self.log_dir is not None and self.logger is None:
            raise OptionError(f"--log-dir is {self.log_dir}, and nothing is logged: give --logger csv too, or neither")

    @property
    def partial(self) -> Path:
        """Where an interrupted training goes on."""
        return self.path.with_name(self.path.name + ".partial")

    def __call__(self, fitted: Model[Any, Any], evidence: Sequence[Any], labels: Labels, held: Validation) -> None:
        """Fit in place."""
        metrics = self._metric_logger(fitted)

        def on_epoch(report: Report) -> None:
            validation = "" if report.validation_loss is None else f"  validation {report.validation_loss:.4f}"
            place = f"epoch {report.epoch:.1f}/{report.epochs}"
            best = "  best" if report.best else ""
            log.info(f"{fitted.method}: {place}  loss {report.loss:.4f}{validation}{best}")
            if metrics:
                metrics(report)

        trained = fit(
            fitted, evidence, labels, self.seed, on_epoch, held, self.partial, run=self.run, on_step=self.on_step
        )
        made = {"epochs": trained.epochs, "kept": trained.kept}
        fitted.training = {"seed": self.seed, **made, **_counts(labels), **trained.run.to_dict()}
        if metrics:
            metrics.close()

    def _metric_logger(self, fitted: Model[Any, Any]) -> MetricLogger | None:
        if self.logger is None:
            return None
        folder = Path(self.log_dir) if self.log_dir is not None else self.path.with_name(self.path.name + ".logs")
        options = {"method": fitted.method, "seed": self.seed, **fitted.options.to_dict(), **self.run.to_dict()}
        return MetricLogger(self.logger, folder, fitted.method, options)


def _counts(labels: Labels) -> dict[str, int]:
    """Pictures of the training, by label where that is real or generated."""
    column = np.asarray(labels)
    if column.ndim > 1:
        return {"n": len(column)}
    return {"n_real": int((column == REAL).sum()), "n_generated": int((column == GENERATED).sum())}

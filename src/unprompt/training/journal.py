"""A training's losses, epoch by epoch, for CSV, TensorBoard or Weights & Biases: Lightning's own loggers write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from unprompt.errors import MissingExtra, OptionError
from unprompt.training.course import Report

Logger: TypeAlias = Literal["csv", "tensorboard", "wandb"]

CLASSES: Final = {"csv": "CSVLogger", "tensorboard": "TensorBoardLogger", "wandb": "WandbLogger"}


class Journal:
    """Whole epochs under ``folder``/``name``; each start of a training is a version of its own there."""

    def __init__(self, kind: Logger, folder: Path, name: str, options: Mapping[str, Any]) -> None:
        if kind not in CLASSES:
            raise OptionError(f"--logger is {kind!r}, expected {', '.join(get_args(Logger))}")
        try:
            from pytorch_lightning import loggers

            made = getattr(loggers, CLASSES[kind])
            self.logger = made(name=name, save_dir=folder, **({"project": "unprompt"} if kind == "wandb" else {}))
        except ImportError as error:
            wanted = "wandb" if kind == "wandb" else "train"
            raise MissingExtra(
                f"--logger {kind} needs a package that cannot be imported here ({error}): "
                f"pip install 'unprompt[{wanted}]', or leave it out"
            ) from error
        self.logger.log_hyperparams(dict(options))

    def __call__(self, report: Report) -> None:
        """Write the losses of a finished epoch; what is told in the midst of one is passed over."""
        if report.epoch != int(report.epoch):
            return
        losses = {"loss": report.loss}
        if report.validation_loss is not None:
            losses["validation_loss"] = report.validation_loss
        self.logger.log_metrics(losses, step=int(report.epoch))
        self.logger.save()

    def close(self) -> None:
        """The last line is written, and a server told that this was all."""
        self.logger.finalize("success")

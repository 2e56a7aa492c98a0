"""A training's losses, epoch by epoch, as CSV, for TensorBoard, or for Weights & Biases.

Not by accelerate's trackers: they need the state of an Accelerator, which lives only while steps are taken.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final, get_args

import yaml

from unprompt.choices import Logger
from unprompt.errors import MissingExtra, OptionError
from unprompt.training.state import Report


class MetricLogger:
    """Whole epochs under ``folder``/``name``; each start of a training is a version of its own there."""

    def __init__(self, kind: Logger, folder: Path, name: str, options: Mapping[str, Any]) -> None:
        if kind not in get_args(Logger):
            raise OptionError(f"--logger is {kind!r}, expected {', '.join(get_args(Logger))}")
        try:
            self.writer = _WRITERS[kind](folder, name, options)
        except ImportError as error:
            extra = "wandb" if kind == "wandb" else "train"
            raise MissingExtra(
                f"--logger {kind} needs a package that cannot be imported here ({error}): "
                f"pip install 'unprompt[{extra}]', or leave it out"
            ) from error

    def __call__(self, report: Report) -> None:
        """Write the losses of a finished epoch; reports in the midst of one are passed over."""
        if report.epoch != int(report.epoch):
            return
        losses = {"loss": report.loss}
        if report.validation_loss is not None:
            losses["validation_loss"] = report.validation_loss
        self.writer.log(losses, int(report.epoch))

    def close(self) -> None:
        """The last line is written, and the run is ended."""
        self.writer.close()


class _CSV:
    """``metrics.csv`` with a line an epoch, and the options in ``hparams.yaml``."""

    def __init__(self, folder: Path, name: str, options: Mapping[str, Any]) -> None:
        self.folder = _new_version(folder / name, options)

    def log(self, losses: dict[str, float], epoch: int) -> None:
        row = {"step": epoch, **losses}
        with (self.folder / "metrics.csv").open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if not file.tell():
                writer.writeheader()
            writer.writerow(row)

    def close(self) -> None:
        """Each line is written already."""


class _TensorBoard:
    def __init__(self, folder: Path, name: str, options: Mapping[str, Any]) -> None:
        from tensorboardX import SummaryWriter

        self.writer = SummaryWriter(str(_new_version(folder / name, options)))
        plain = {name: one if isinstance(one, (str, int, float)) else json.dumps(one) for name, one in options.items()}
        self.writer.add_hparams(plain, {})

    def log(self, losses: dict[str, float], epoch: int) -> None:
        for name, loss in losses.items():
            self.writer.add_scalar(name, loss, epoch)

    def close(self) -> None:
        self.writer.close()


class _WandB:
    def __init__(self, folder: Path, name: str, options: Mapping[str, Any]) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)  # else it takes a temporary folder
        self.run = wandb.init(project="unprompt", name=name, dir=str(folder), config=dict(options))

    def log(self, losses: dict[str, float], epoch: int) -> None:
        self.run.log(losses, step=epoch)

    def close(self) -> None:
        self.run.finish()


_WRITERS: Final[dict[str, Any]] = {"csv": _CSV, "tensorboard": _TensorBoard, "wandb": _WandB}


def _new_version(folder: Path, options: Mapping[str, Any]) -> Path:
    """A folder that was not there, with the options."""
    folder.mkdir(parents=True, exist_ok=True)
    place = next(place for number in count() if not (place := folder / f"version_{number}").exists())
    place.mkdir()
    (place / "hparams.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(options))), "utf-8")
    return place

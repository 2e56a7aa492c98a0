"""The losses of a training, epoch by epoch, as the loggers write them."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from unprompt.errors import MissingExtra, OptionError
from unprompt.training.metric_logger import MetricLogger
from unprompt.training.state import Report

REPORTS = [Report(0.5, 2, 0.9), Report(1, 2, 0.75, 0.5, True), Report(2, 2, 0.5, 0.625)]


def test_csv_has_a_line_for_each_whole_epoch(tmp_path: Path) -> None:
    logger = MetricLogger("csv", tmp_path, "tidy", {"epochs": 2, "semantic": {"hidden": [8, 16]}})
    for report in REPORTS:
        logger(report)
    logger.close()
    (table,) = tmp_path.rglob("metrics.csv")
    with table.open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert rows == [
        {"step": 1, "loss": 0.75, "validation_loss": 0.5},
        {"step": 2, "loss": 0.5, "validation_loss": 0.625},
    ]
    (settings,) = tmp_path.rglob("hparams.yaml")
    assert "epochs: 2" in settings.read_text()


def test_a_second_start_leaves_the_first_alone(tmp_path: Path) -> None:
    for _ in range(2):
        logger = MetricLogger("csv", tmp_path, "tidy", {})
        logger(REPORTS[1])
        logger.close()
    assert len(list(tmp_path.rglob("metrics.csv"))) == 2


def test_tensorboard_finds_the_losses(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs the extra train")
    logger = MetricLogger("tensorboard", tmp_path, "tidy", {"epochs": 2})
    for report in REPORTS:
        logger(report)
    logger.close()
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("events.out.tfevents.*"))
    assert data.count(b"validation_loss") >= 2


def test_wandb_is_told_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            return lambda *words, **more: calls.append((name, *words, more))

    wandb = ModuleType("wandb")
    wandb.init = lambda **settings: calls.append(settings) or Recorder()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    logger = MetricLogger("wandb", tmp_path, "tidy", {"epochs": 2})
    logger(REPORTS[1])
    logger.close()
    assert calls == [
        {"name": "tidy", "dir": str(tmp_path), "project": "unprompt", "config": {"epochs": 2}},
        ("log", {"loss": 0.75, "validation_loss": 0.5}, {"step": 1}),
        ("finish", {}),
    ]


def test_an_unknown_logger_and_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="--logger is 'paper', expected csv, tensorboard, wandb"):
        MetricLogger("paper", tmp_path, "tidy", {})  # type: ignore[arg-type]
    for module in ("tensorboardX", "wandb"):
        monkeypatch.setitem(sys.modules, module, None)
    for kind, extra in (("tensorboard", "train"), ("wandb", "wandb")):
        with pytest.raises(MissingExtra, match=rf"--logger {kind} needs .* pip install 'unprompt\[{extra}\]'"):
            MetricLogger(kind, tmp_path, "tidy", {})  # type: ignore[arg-type]

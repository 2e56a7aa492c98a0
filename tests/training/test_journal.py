"""The losses of a training, epoch by epoch, as the loggers write them."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import pytest

from unprompt.errors import MissingExtra, OptionError
from unprompt.training.course import Report
from unprompt.training.journal import Journal

pytest.importorskip("pytorch_lightning", reason="needs the extra train", exc_type=ImportError)
REPORTS = [Report(0.5, 2, 0.9), Report(1, 2, 0.75, 0.5, True), Report(2, 2, 0.5, 0.625)]


def test_csv_has_a_line_for_each_whole_epoch(tmp_path: Path) -> None:
    journal = Journal("csv", tmp_path, "tidy", {"epochs": 2, "semantic": {"hidden": [8, 16]}})
    for report in REPORTS:
        journal(report)
    journal.close()
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
        journal = Journal("csv", tmp_path, "tidy", {})
        journal(REPORTS[1])
        journal.close()
    assert len(list(tmp_path.rglob("metrics.csv"))) == 2


def test_tensorboard_finds_the_losses(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs the extra train")
    journal = Journal("tensorboard", tmp_path, "tidy", {"epochs": 2})
    for report in REPORTS:
        journal(report)
    journal.close()
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("events.out.tfevents.*"))
    assert data.count(b"validation_loss") >= 2


def test_wandb_is_told_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytorch_lightning import loggers

    said: list[Any] = []

    class Recorder:
        def __init__(self, **settings: Any) -> None:
            said.append(settings)

        def __getattr__(self, name: str) -> Any:
            return lambda *words, **more: said.append((name, *words, more))

    monkeypatch.setattr(loggers, "WandbLogger", Recorder)
    journal = Journal("wandb", tmp_path, "tidy", {"epochs": 2})
    journal(REPORTS[1])
    journal.close()
    assert said == [
        {"name": "tidy", "save_dir": tmp_path, "project": "unprompt"},
        ("log_hyperparams", {"epochs": 2}, {}),
        ("log_metrics", {"loss": 0.75, "validation_loss": 0.5}, {"step": 1}),
        ("save", {}),
        ("finalize", "success", {}),
    ]


def test_an_unknown_logger_and_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="--logger is 'paper', expected csv, tensorboard, wandb"):
        Journal("paper", tmp_path, "tidy", {})  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "pytorch_lightning", None)
    for kind, extra in (("csv", "train"), ("wandb", "wandb")):
        with pytest.raises(MissingExtra, match=rf"--logger {kind} needs .* pip install 'unprompt\[{extra}\]'"):
            Journal(kind, tmp_path, "tidy", {})  # type: ignore[arg-type]

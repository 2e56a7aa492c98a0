"""Train with flags: what is noted on the head, what is logged, what is refused, and one command as two processes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from unprompt.cli import app
from unprompt.detectors import load
from unprompt.detectors.checkpoint import read_header
from unprompt.errors import OptionError
from unprompt.instruments import Suite
from unprompt.training.state import Report
from unprompt.workflows.train import train

from .conftest import SMALL


def test_the_head_says_how_it_was_trained(heads: Path, suite: Path) -> None:
    name = Suite.load(suite).name
    for method in ("sare", "semgir", "tidy", "item"):
        told = dict(read_header(heads / f"{method}.safetensors").training)
        assert told.pop("kept") in (1, 2)
        assert told == {"seed": 0, "epochs": 2, "n_real": 10, "n_generated": 10, "suite": name}
        assert load(heads / f"{method}.safetensors", Suite.load(suite)).training["suite"] == name
    assert read_header(heads / "panel.safetensors").training == {"suite": name}


def test_every_step_is_watched_and_every_epoch_logged(store: Path, suite: Path, tmp_path: Path) -> None:
    watched, out = list[Report](), tmp_path / "tidy.safetensors"
    train(
        "tidy", evidence=store, out=out, suite=suite, options=SMALL | {"batch": 8}, logger="csv", watch=watched.append
    )
    assert [report.epoch for report in watched] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])
    (table,) = (tmp_path / "tidy.safetensors.logs").rglob("metrics.csv")
    with table.open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2"]


def test_logs_go_where_they_are_asked_to(store: Path, suite: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"evidence": store, "suite": suite, "options": SMALL, "log_dir": tmp_path / "logs"}
    with pytest.raises(OptionError, match=r"--log-dir is .*logs, and nothing is logged: give --logger csv too"):
        train("item", out=tmp_path / "item.safetensors", **asked)
    train("item", out=tmp_path / "item.safetensors", **asked, logger="csv")
    assert list((tmp_path / "logs" / "item").rglob("metrics.csv"))
    assert not (tmp_path / "item.safetensors.logs").exists()


def test_patience_is_noted_and_the_same_again_is_the_same_file(store: Path, suite: Path, tmp_path: Path) -> None:
    options = {"epochs": 60, "rate": 0.3}
    made = [
        train("tidy", evidence=store, out=tmp_path / name, suite=suite, options=options, patience=2)
        for name in ("one.safetensors", "two.safetensors")
    ]
    told = read_header(made[0]).training
    assert told["patience"] == 2
    assert told["epochs"] == told["kept"] + 2 < 60
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.parametrize(
    ("flag", "value"), [("precision", "bf16-mixed"), ("patience", 3), ("accumulate", 2), ("engine", "ray")]
)
def test_what_is_solved_has_no_steps(flag: str, value: Any, store: Path, suite: Path, heads: Path) -> None:
    with pytest.raises(OptionError, match=f"--{flag} is given, and panel is solved in one go"):
        train("panel", evidence=store, out=heads / "other.safetensors", suite=suite, **{flag: value})
    assert not (heads / "other.safetensors").exists()


def test_one_command_in_two_processes(
    store: Path, suite: Path, heads: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """One checkpoint, one word on stdout, and the scores of a single process."""
    out = tmp_path / "item.safetensors"
    words = ["train", "item", "--evidence", store, "--out", out, "--suite", suite, "--set", "epochs=2"]
    words += ["--fpr", "0.1", "--fnr", "0.1", "--devices", "2"]
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match="0"):
        app([*map(str, words)])
    said = capfd.readouterr()
    assert said.out.split() == [str(out)]
    assert said.err.count("saved") == 1
    assert not list(tmp_path.glob("*.partial"))
    both, alone = (load(path, Suite.load(suite)) for path in (out, heads / "item.safetensors"))
    assert (both.training["devices"], both.training["epochs"]) == (2, 2)
    assert both.figures["auc"] == pytest.approx(alone.figures["auc"], abs=0.011)
    for name, tensor in alone.network.state_dict().items():
        assert both.network.state_dict()[name].allclose(tensor, atol=2e-5), name

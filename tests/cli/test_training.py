"""The flags of ``train`` and the verb ``card`` reach their workflows; the bar of a training is for terminals."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from unprompt.cli.output import progress
from unprompt.training.state import Report

from .conftest import run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the workflows of ``train`` and ``card`` are asked."""
    told: dict[str, Any] = {}

    def work(*words: Any, **more: Any) -> Path:
        told.update(more, words=words)
        more.get("watch", lambda report: None)(Report(0.5, 2, 0.7))
        return Path("made")

    for verb in ("train", "card"):
        module = ModuleType(verb)
        setattr(module, verb, work)
        monkeypatch.setitem(sys.modules, f"unprompt.workflows.{verb}", module)
    return told


def test_train_passes_every_flag_of_the_loop(asked: dict[str, Any]) -> None:
    flags = "--device cuda --devices 4 --precision bf16-mixed --accumulate 2 --workers 3 --patience 5"
    logs = "--engine ray --address auto --logger tensorboard --log-dir logs"
    done = run("train", "sare", "--evidence", "e", "--out", "o", *flags.split(), *logs.split())
    assert done.stdout == "made\n"
    expected = {
        "device": "cuda",
        "devices": 4,
        "precision": "bf16-mixed",
        "accumulate": 2,
        "workers": 3,
        "patience": 5,
        "engine": "ray",
        "address": "auto",
        "logger": "tensorboard",
        "log_dir": Path("logs"),
    }
    assert {name: asked[name] for name in expected} == expected


@pytest.mark.parametrize("words", [["--precision", "8"], ["--logger", "paper"]])
def test_words_that_are_none(words: list[str], asked: dict[str, Any]) -> None:
    done = run("train", "sare", "--evidence", "e", "--out", "o", *words)
    assert done.exit_code == 2
    assert not asked


def test_card_passes_every_option(asked: dict[str, Any]) -> None:
    options = "--suite s --licence mit --data GenImage --results r.json"
    done = run("card", "c", "--to", "d", *options.split())
    assert done.stdout == "made\n"
    assert asked == {
        "words": (Path("c"),),
        "to": Path("d"),
        "suite": "s",
        "licence": "mit",
        "data": "GenImage",
        "results": Path("r.json"),
    }


def test_the_bar_is_drawn_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with progress() as given:
        given["watch"](Report(1.5, 3, 0.25))
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich: this is a terminal
    monkeypatch.setenv("COLUMNS", "100")
    with progress() as given:
        given["watch"](Report(1.5, 3, 0.25))
    told = capsys.readouterr().err
    assert "epoch 1.5/3" in told
    assert "loss 0.2500" in told

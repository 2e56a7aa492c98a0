"""``reproduce`` and ``analyse`` as they are told: tables, estimates, holes, files; the workflows are stood in for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unprompt.cli import app
from unprompt.errors import OptionError
from unprompt.evaluation import Ruling
from unprompt.report.grid import Grid
from unprompt.workflows import analyse as analyse_module
from unprompt.workflows import reproduce as reproduce_module
from unprompt.workflows.planning.dry_run import DryRun, RowCost
from unprompt.workflows.planning.recipes import SampleCount
from unprompt.workflows.planning.status import RecipeStatus
from unprompt.workflows.reproduce import Reproduction

GRID = Grid("sare/table1, table 2, AUC in percent", ("method", "MJ", "Avg."), (("sare, ours", "97.10", "98.00"),))
RULING = Ruling("SARE is above DRCT", "auc", "holds", 3.5, 1.0, 6.0, 0.0, 40, 120)
FOUND = Reproduction(
    "sare/table1", (), (RULING,), (GRID,), ("VQDM",), {"Conv-B": "printed alone"}, (Path("out/results.parquet"),)
)
PLAN = DryRun(
    recipe="sare/table1",
    suite="paper",
    cells=(SampleCount("train", 1, "sdv4", 2000), SampleCount(None, 0, "scenes", 5)),
    absent=("VQDM (VQDM)",),
    learned=("sdv4",),
    standing_in=False,
    problems=("no real picture in the test split: add some",),
    rows=(
        RowCost("UnivFD", "univfd", "no weights", 0.16),
        RowCost("SARE", "sare", "", 40.62, seconds=3.6, epoch_seconds=0.018, epochs=17, train_hours=0.17),
    ),
    pictures=2005,
    present=5,
    tested=1000,
    perturbations=2,
    sample=7,
    seconds=3.6,
    kilobytes=350.0,
    extract_hours=2.0,
    train_hours=0.17,
    gigabytes=0.7,
    free_gigabytes=99.0,
)


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str, Any], dict[str, Any]]:
    """Stand in for a verb's workflow; the dictionary holds what it was asked."""

    def install(module: Any, name: str, answer: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def work(*args: Any, **options: Any) -> Any:
            asked.update(options, args=args)
            print("a library's chatter")
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(module, name, work)
        return asked

    return install


def told(*words: str) -> Any:
    return CliRunner().invoke(app, words)


def test_a_table_is_printed_with_its_files_on_stderr(put: Any) -> None:
    asked = put(reproduce_module, "reproduce", FOUND)
    done = told(
        "reproduce", "sare/table1", "--data", "a", "--data", "b", "--set", "epochs=3", "--train-on", "x", "--yes"
    )
    assert done.exit_code == 0
    assert done.stdout.startswith("sare/table1, table 2, AUC in percent:\nmethod")
    assert "97.10" in done.stdout
    assert "chatter" not in done.stdout
    assert "results: out/results.parquet" in done.stderr
    assert (asked["args"], asked["data"], asked["options"]) == (("sare/table1",), ["a", "b"], {"epochs": 3})
    assert (asked["train_on"], asked["max_minutes"], asked["suite"], asked["dry_run"]) == (["x"], None, "paper", False)
    facts = json.loads(told("reproduce", "sare/table1", "--format", "json").stdout)
    assert facts["left_out"] == {"Conv-B": "printed alone"}
    assert (facts["recipe"], facts["absent"], facts["results"]) == ("sare/table1", ["VQDM"], [])
    assert facts["claims"][0]["answer"] == "holds"
    assert facts["claims"][0]["low"] == 1.0


def test_the_recipes_are_listed(put: Any) -> None:
    asked = put(reproduce_module, "reproduce", (RecipeStatus("a/b", "A table", "runnable"),))
    text = told("reproduce", "--list", "--suite", "miniature").stdout
    assert (asked["args"], asked["listed"], asked["suite"]) == ((None,), True, "miniature")
    assert [line.split() for line in text.splitlines()][-1] == ["a/b", "A", "table", "runnable"]
    assert json.loads(told("reproduce", "--list", "--format", "json").stdout) == [
        {"name": "a/b", "title": "A table", "status": "runnable", "lacking": []}
    ]


def test_what_a_recipe_lacks_is_told_where_it_is_named(put: Any) -> None:
    lacking = RecipeStatus("a/c", "Another", "missing: 2 things", ("the weights of a model", "an encoder"))
    put(reproduce_module, "reproduce", (RecipeStatus("a/b", "A table", "runnable"), lacking))
    lines = told("reproduce", "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["a/b", "a/c"]
    assert lines[3:] == ["What one lacks: unprompt reproduce RECIPE --list, with the same --suite and --data"]
    asked = put(reproduce_module, "reproduce", (lacking,))
    lines = told("reproduce", "a/c", "--list").stdout.splitlines()
    assert (asked["args"], lines[2:]) == (("a/c",), ["lacks: the weights of a model", "lacks: an encoder"])


def test_a_dry_run_is_told_in_words(put: Any) -> None:
    asked = put(reproduce_module, "reproduce", PLAN)
    text = told("reproduce", "sare/table1", "--dry-run").stdout
    assert asked["dry_run"]
    for line in (
        "learned from: sdv4",
        "missing test set: VQDM (VQDM)",
        "missing: no real picture in the test split: add some",
        "left out: UnivFD: no weights",
        "2005 pictures, 5 of them with evidence of some row",
        "to extract, with nothing stored: 2.0 hours at 3.6 s a picture, the 1000 to test on 3 times, by a sample of 7",
        "on the disk: 0.7 GB at 350 kB a picture; 99 GB are free",
        "to train: 10.2 minutes, by the device that trained the sample",
    ):
        assert line in text.splitlines()
    assert "by hash" in text
    assert "3.6 s a picture, 40.6 TFLOP  10.2 minutes" in text
    rows = json.loads(told("reproduce", "sare/table1", "--dry-run", "--format", "json").stdout)["rows"]
    assert rows[1]["tflop"] == 40.62


def test_a_stand_in_is_told_once(put: Any) -> None:
    put(reproduce_module, "reproduce", replace(PLAN, standing_in=True))
    text = told("reproduce", "a/b", "--dry-run").stdout
    assert "none of the paper's generators is there: others stand in" in text
    assert "missing test set" not in text


def test_what_was_not_timed_is_said(put: Any) -> None:
    put(reproduce_module, "reproduce", replace(PLAN, seconds=None))
    assert (
        "not timed: no picture could be sampled, or weights are missing" in told("reproduce", "a/b", "--dry-run").stdout
    )
    put(reproduce_module, "reproduce", replace(PLAN, train_hours=None))
    assert "to train: not timed, the sample lacks a class" in told("reproduce", "a/b", "--dry-run").stdout


def test_a_figures_files_are_printed(put: Any) -> None:
    asked = put(analyse_module, "analyse", [Path("f/roc.parquet"), Path("f/roc.svg")])
    done = told("analyse", "roc", "--out", "f", "--evidence", "e", "--checkpoint", "a", "--checkpoint", "b")
    assert done.stdout == "f/roc.parquet\nf/roc.svg\n"
    assert (asked["args"], asked["suffix"], asked["checkpoint"]) == (("roc",), None, [Path("a"), Path("b")])


def test_a_wrong_option_ends_with_2(put: Any) -> None:
    put(analyse_module, "analyse", OptionError("--checkpoint is missing"))
    done = told("analyse", "roc", "--out", "f")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "error: --checkpoint is missing" in done.stderr

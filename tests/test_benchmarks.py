"""``full_size.py`` keeps what each command took and goes on where it stopped; the others start, and rows say it."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks measure with wait4 on Linux alone")


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("stages")


def cost(stages: Any, stage: str, status: int = 0) -> Any:
    return stages.Cost("sare", stage, status, 2.0, 1.5, 4, 100.0, 0.0, 8000)


def test_what_is_done_is_known_to_the_next_run(stages: Any, tmp_path: Path) -> None:
    path, made = tmp_path / "costs.json", cost(stages, "extract")
    first = stages.Costs(path, {"steps": 2})
    assert first.done("sare", "extract") is None
    assert first.keep(made) is made
    assert json.loads(path.read_text("utf-8"))["costs"][0]["seconds"] == 2.0
    later = stages.Costs(path, {"steps": 2})
    assert later.done("sare", "extract") == made
    assert later.done("dire", "extract") is None
    assert later.done("sare", "train") is None


@pytest.mark.parametrize("status", [1, -15])
def test_what_failed_or_was_stopped_is_done_again(stages: Any, tmp_path: Path, status: int) -> None:
    path = tmp_path / "costs.json"
    failed = cost(stages, "train", status)
    stages.Costs(path, {}).keep(failed)
    again = stages.Costs(path, {})
    assert again.done("sare", "train") is None
    again.keep(replace(failed, status=0))
    assert [one["status"] for one in json.loads(path.read_text("utf-8"))["costs"]] == [0]


def test_a_folder_holds_the_rows_of_one_setting(stages: Any, tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    stages.Costs(path, {"steps": 2}).keep(cost(stages, "extract"))
    with pytest.raises(SystemExit, match=r"holds a run with .*: 2\}, this one has .*: 50\}: name another"):
        stages.Costs(path, {"steps": 50})


@pytest.mark.parametrize(("status", "words"), [(0, "train"), (-15, "train (stopped)"), (3, "train (exit code 3)")])
def test_a_row_says_how_a_command_ended(stages: Any, status: int, words: str) -> None:
    assert cost(stages, "train", status).row() == f"| sare | {words} | 2.0 | 1.5 | 0.50 | 100 MB | - | 2.0 kB |"


@LINUX_ONLY
@pytest.mark.parametrize(("work", "limit", "status"), [("", 600.0, 0), ("import time; time.sleep(600)", 0.2, -15)])
def test_a_command_is_stopped_at_its_limit(
    stages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, limit: float, status: int
) -> None:
    script = tmp_path / "script.py"
    script.write_text(work, "utf-8")
    monkeypatch.setattr(sys, "argv", [str(script)])
    found = stages.measured("sare", ["extract", "sare"], 1, None, tmp_path, tmp_path, limit)
    assert (found.status, found.stage) == (status, "extract")
    assert (tmp_path / "log.txt").read_text("utf-8") == "$ unprompt extract sare\n"


@LINUX_ONLY
@pytest.mark.parametrize("script", ["full_size", "long_run", "speed"])
def test_the_scripts_find_what_they_import(stages: Any, script: str) -> None:
    assert importlib.import_module(script).main


def test_sides_that_differ_are_told(stages: Any) -> None:
    check = importlib.import_module("speed").check_equal
    drawn = np.zeros((2, 2, 3), np.uint8)
    check("sare", [["a ball", drawn, np.float32([1.0])]], [["a ball", drawn + 1, np.float32([1.00001])]])
    for other in (["a cube", drawn], ["a ball", drawn + 2]):
        with pytest.raises(SystemExit, match="sare: picture 0 came out otherwise than by the plain script"):
            check("sare", [["a ball", drawn]], [other])


def test_a_row_of_speed_says_how_many_times(stages: Any) -> None:
    speed = importlib.import_module("speed")
    assert speed.Row("item", 4, 2.0, 1.0, 4.0, 3.0, 0.1, 0.25).line() == (
        "| item | 2.00 | 1.00 | 3.00 | 0.250 | 0.750 | 25% |"
    )
    assert speed.Row("first verdict", 1, 4.0, 3.0).line() == "| first verdict | 0.25 | - | - | 3.000 | - | - |"

"""The laboratory's runs: each recipe once, what it took in a file, and on after an interruption."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from unprompt.workflows.planning.recipe_files import recipes

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "laboratory_runs.py"


@pytest.fixture
def runs() -> ModuleType:
    pytest.importorskip("resource", reason="processor seconds of other processes are Unix's")
    spec = importlib.util.spec_from_file_location("laboratory_runs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def asked(runs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run; sare/table1's process ends with 1."""
    commands: list[list[str]] = []

    class Done:
        returncode = 0

    def ran(command: list[str], **_: Any) -> Done:
        commands.append(command[3:])
        done = Done()
        done.returncode = int(command[4] == "sare/table1")
        return done

    monkeypatch.setattr(runs.subprocess, "run", ran)
    return commands


def costs(out: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((out / "costs.json").read_text("utf-8"))["recipes"]
    return found


def test_every_recipe_is_run_once_and_its_row_is_kept(
    runs: ModuleType, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--out", str(tmp_path), "--data", "miniature:", "--seeds", "3"]
    assert runs.main(words) == 1
    assert [one[1] for one in asked] == list(recipes())
    own = ["--out", str(tmp_path / "tidy/table3"), "--seeds", "3", "--data", "miniature:"]
    shared = ["--suite", "miniature", "--store", str(tmp_path / "store"), "--yes"]
    assert asked[-1] == ["reproduce", "tidy/table3", *shared, *own]
    assert [name for name, one in costs(tmp_path).items() if one["first"]["status"]] == ["sare/table1"]
    assert f"exit code 1: {tmp_path / 'sare/table1/log.txt'}" in capsys.readouterr().out

    asked.clear()
    assert runs.main(words) == 1  # what failed alone
    assert [one[1] for one in asked] == ["sare/table1"]

    asked.clear()
    assert runs.main([*words, "--again", "tidy/table3", "sare/table1"]) == 1
    assert [one[1] for one in asked] == ["tidy/table3"]
    assert costs(tmp_path)["tidy/table3"].keys() == {"first", "stored"}


@pytest.mark.usefixtures("asked")
def test_a_folder_of_other_settings_is_refused(runs: ModuleType, tmp_path: Path) -> None:
    runs.main(["--out", str(tmp_path), "tidy/table3"])
    with pytest.raises(SystemExit, match=r"holds runs with .*'seeds': 1\}, these have .*'seeds': 2\}: name another"):
        runs.main(["--out", str(tmp_path), "--seeds", "2", "tidy/table3"])

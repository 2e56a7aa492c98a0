"""The recipe: each stage once, in order, stamped; and the pictures that it ships."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from unprompt.errors import DataError
from unprompt.recipes.miniature import __main__ as door
from unprompt.recipes.miniature import examples, recipe
from unprompt.recipes.miniature.recipe import FURTHER, STAGES, run
from unprompt.recipes.miniature.stage import BuildContext, Stage

Made = list[str]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """Names of the stages in the order in which they were made, by stages that do nothing."""
    names: Made = []

    def stage_of(module: str) -> SimpleNamespace:
        name = module.rpartition(".")[2]

        def make(context: BuildContext) -> dict[str, float]:
            names.append(name)
            return {"figure": 0.5}

        return SimpleNamespace(STAGE=Stage(name, make))

    monkeypatch.setattr(recipe, "import_module", stage_of)
    return names


@pytest.mark.parametrize("name", [*STAGES, *FURTHER])
def test_every_stage_is_where_its_name_says(name: str) -> None:
    assert recipe.import_module(f"unprompt.recipes.miniature.{name}").STAGE.name == name


def test_stages_are_made_once_in_order(made: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    context = BuildContext(tmp_path)
    run(context)
    assert made == list(STAGES)
    assert json.loads(context.stamp("flow").read_text("utf-8")) == {"figures": {"figure": 0.5}, "minutes": 0.0}
    assert "flow: finished in 0.0 minutes (figure 0.500)" in caplog.messages
    run(context)
    assert made == list(STAGES)
    assert "flow: finished before (figure 0.500)" in caplog.messages


def test_a_stage_by_name_is_made_again_and_undoes_those_that_rest_on_it(made: Made, tmp_path: Path) -> None:
    context = BuildContext(tmp_path)
    run(context)
    made.clear()
    run(context, only="pictures")
    assert made == ["pictures"]
    run(context)
    assert made == ["pictures", "heads", "examples", "golden"]


def test_generators_that_are_not_shipped_have_stages_of_their_own(made: Made, tmp_path: Path) -> None:
    context = BuildContext(tmp_path)
    run(context)
    run(context, stages=FURTHER)
    assert made == [*STAGES, *FURTHER]
    run(context, only="quantiser")
    assert [name for name in (*STAGES, *FURTHER) if not context.stamp(name).exists()] == ["masked", "families"]


def test_a_stage_that_fails_has_no_stamp(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(context: BuildContext) -> dict[str, float]:
        raise DataError("no paint")

    context = BuildContext(tmp_path)
    run(context)
    monkeypatch.setattr(recipe, "import_module", lambda module: SimpleNamespace(STAGE=Stage("heads", fail)))
    with pytest.raises(DataError, match="no paint"):
        run(context, only="heads")
    assert [name for name in STAGES if not context.stamp(name).exists()] == ["heads", "examples", "golden"]


@pytest.mark.parametrize(
    ("words", "context", "only", "stages"),
    [
        ([], lambda home: BuildContext(home / "unprompt" / "recipe"), None, STAGES),
        (["--quick"], lambda home: BuildContext(home / "unprompt" / "recipe-quick", quick=True), None, STAGES),
        (["--cache", "/c", "--suite", "/s"], lambda home: BuildContext(Path("/c"), elsewhere=Path("/s")), None, STAGES),
        (["--cache", "/c", "--only", "heads"], lambda home: BuildContext(Path("/c")), "heads", STAGES),
        (["--cache", "/c", "--further"], lambda home: BuildContext(Path("/c")), None, FURTHER),
    ],
)
def test_the_command_line(
    words: list[str],
    context: Callable[[Path], BuildContext],
    only: str | None,
    stages: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[BuildContext, str | None, tuple[str, ...]]] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["miniature", *words])
    monkeypatch.setattr(door, "run", lambda *given: asked.append(given))
    assert door.main() == 0
    assert asked == [(context(tmp_path), only, stages)]


def test_an_error_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(context: BuildContext, only: str | None, stages: tuple[str, ...]) -> None:
        raise DataError("no paint")

    monkeypatch.setattr(sys, "argv", ["miniature", "--cache", "/c"])
    monkeypatch.setattr(door, "run", fail)
    assert door.main() == 1
    assert capsys.readouterr().err == "error: no paint\n"


def test_examples_are_photographs_of_all_families(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "DRAWN", 2)
    figures = examples.make(BuildContext(tmp_path, elsewhere=fake))
    assert figures == {"real/scene": 16, "generated/diffusion": 2, "generated/sibling": 2, "generated/flow": 2}
    files = sorted(path.relative_to(tmp_path / "examples").as_posix() for path in tmp_path.rglob("*.jpg"))
    assert files[:6] == [f"generated/{name}-0{i}.jpg" for name in ("diffusion", "flow", "sibling") for i in (0, 1)]
    assert files[6:] == [f"real/scene-{number:02}.jpg" for number in range(16)]
    pictures = {path.read_bytes() for path in tmp_path.rglob("*.jpg")}
    assert len(pictures) == 22

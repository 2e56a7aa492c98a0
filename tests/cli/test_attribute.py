"""The skin of attribute and of an attributor's figures; the workflow is stood in for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from unprompt.cli import app
from unprompt.cli.rows import RowPrinter
from unprompt.errors import OptionError
from unprompt.evaluation import AttributionTable, evaluate_attribution
from unprompt.types import Attribution

GOOD = Attribution(
    uri="pictures/" + "long-" * 40 + "name.jpg",
    status="ok",
    sha256="ab",
    truth="sibling",
    method="semgir-a",
    suite="miniature",
    generator="sibling",
    scores={"diffusion": 0.125, "sibling": 0.75},
    caption="a red ball on wood",
    warnings=("outside this suite's world", "second"),
)
NONE = Attribution("c.jpg", "ok", truth="real", generator="none of these", scores={"diffusion": 0.1, "sibling": 0.2})
BAD = Attribution("b[red]\x1b[2J.jpg", "error", error="empty file; expected a picture")


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Stand a verb's workflow in by an answer; what it was asked comes back."""

    def stand(verb: str, answer: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def work(*args: Any, **options: Any) -> Any:
            watch = options.pop("watch", None)
            asked.update(options, args=args)
            print("a library's chatter")
            if isinstance(answer, Exception):
                raise answer
            predictor = cast(Any, SimpleNamespace(scorers=("diffusion", "sibling")))
            for row in answer if isinstance(watch, RowPrinter) else ():
                watch(row, predictor)
            return answer

        module = ModuleType(f"unprompt.workflows.{verb}")
        setattr(module, verb, work)
        monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
        return asked

    return stand


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_everything_is_passed_on(put: Callable[..., dict[str, Any]]) -> None:
    asked = put("attribute", [GOOD])
    flags = "--generators x,y --suite s --lane fast --report out --batch-size 7"
    done = run("attribute", "a", "b", *flags.split())
    assert asked == {
        "args": (["a", "b"],),
        "generators": "x,y",
        "suite": "s[lane=fast]",
        "device": "cpu",
        "dtype": "float32",
        "batch_size": 7,
        "report": Path("out"),
        "no_pictures": False,
        "allow_urls": False,
        "engine": "local",
        "devices": None,
        "address": None,
        "max_pixels": 100_000_000,
    }
    assert "report: out/index.html" in done.stderr
    assert "chatter" not in done.stdout


@pytest.mark.parametrize(
    ("rows", "code"), [([GOOD, NONE], 0), ([GOOD, BAD], 1), ([BAD], 1), (OptionError("--generators names 'x'"), 2)]
)
def test_exit_code(put: Callable[..., dict[str, Any]], rows: Any, code: int) -> None:
    put("attribute", rows)
    assert run("attribute", "a").exit_code == code


@pytest.mark.parametrize(
    "words", [["attribute"], ["attribute", "a", "--format", "xml"], ["attribute", "a", "--fpr", "1"]]
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    assert run(*words).exit_code == 2


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_has_every_field_and_nothing_else(put: Callable[..., dict[str, Any]], form: str) -> None:
    put("attribute", [GOOD, BAD])
    text = run("attribute", "a", "--format", form).stdout
    rows = json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]
    assert [set(row) for row in rows] == [{field.name for field in fields(Attribution)}] * 2
    assert {"uri", "sha256", "status", "error", "suite", "generator", "scores", "warnings", "caption"} <= set(rows[0])
    assert rows[0]["scores"] == {"diffusion": 0.125, "sibling": 0.75}
    assert (rows[1]["uri"], rows[1]["generator"], rows[1]["error"]) == (BAD.uri, None, BAD.error)


def test_csv(put: Callable[..., dict[str, Any]]) -> None:
    put("attribute", [GOOD, BAD])
    rows = list(csv.DictReader(io.StringIO(run("attribute", "a", "--format", "csv").stdout)))
    assert (rows[0]["generator"], rows[0]["scores.sibling"], rows[1]["scores.sibling"]) == ("sibling", "0.75", "")
    assert rows[0]["warnings"] == "outside this suite's world; second"


def test_the_table_is_not_cut_and_steers_no_terminal(put: Callable[..., dict[str, Any]]) -> None:
    put("attribute", [GOOD, NONE, BAD])
    lines = [line.rstrip() for line in run("attribute", "a").stdout.splitlines()]
    assert lines == [
        "  truth    made by        diffusion  sibling  caption             notes",
        GOOD.uri,
        "  sibling  sibling             0.12     0.75  a red ball on wood  outside this suite's world; second",
        "c.jpg",
        "  real     none of these       0.10     0.20",
        r"b[red]\x1b[2J.jpg",
        f"           error{'empty file; expected a picture':>80}",
        "3 pictures: 0 diffusion, 1 sibling, 1 none of these, 1 error",
        "Against the truth: 2 of 2 (100%) rightly answered",
    ]


@pytest.fixture
def table() -> AttributionTable:
    makers: Sequence[str | None] = ["a", "b", "b", "flow", None]
    return evaluate_attribution(["a", "b"], makers, [[0.9, 0.1], [0.2, 0.8], [0.7, 0.6], [0.1, 0.2], [0.6, 0.3]])


def test_evaluate_shows_the_confusion_matrix(put: Callable[..., dict[str, Any]], table: AttributionTable) -> None:
    put("evaluate", table)
    lines = run("evaluate", "c", "--evidence", "e").stdout.splitlines()
    assert [line.split() for line in lines[:5]] == [
        ["made", "by", "a", "b", "none", "of", "these", "pictures", "failed", "accuracy"],
        ["a", "1", "0", "0", "1", "0", "1.000"],
        ["b", "1", "1", "0", "2", "0", "0.500"],
        ["flow", "0", "0", "1", "1", "0", "1.000"],
        ["real", "1", "0", "0", "1", "0", "0.000"],
    ]
    assert [line.split()[0] for line in lines[6:9]] == ["candidate", "a", "b"]
    assert lines[-2:] == [
        "Of all generated pictures 75.0% got the right answer, mean of generators 83.3%",
        "Of the unseen generators' pictures 100.0% are called none of these",
    ]


def test_evaluate_json(put: Callable[..., dict[str, Any]], table: AttributionTable) -> None:
    put("evaluate", table)
    found = json.loads(run("evaluate", "c", "--evidence", "e", "--format", "json").stdout)
    assert found == table.to_dict()
    assert found["generators"]["flow"]["kind"] == "outsider"


def test_train_leaves_generators_out(put: Callable[..., dict[str, Any]]) -> None:
    asked = put("train", Path("head"))
    run("train", "semgir-a", "--evidence", "a", "--out", "head", "--generators", "x,y")
    assert asked["generators"] == "x,y"

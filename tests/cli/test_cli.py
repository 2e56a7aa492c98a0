"""The skin: requests decoded, results encoded, errors told; the workflows are stood in for."""

from __future__ import annotations

import csv
import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import unprompt
from unprompt.cli import app
from unprompt.errors import CheckpointError, OptionError, UnpromptError
from unprompt.evaluation import Bounds, EvaluationTable, compare_scores, evaluate_scores
from unprompt.types import Prediction

GOOD = Prediction(
    uri="pictures/" + "long-" * 40 + "name.jpg",
    status="ok",
    sha256="ab",
    label=1,
    method="panel",
    suite="miniature",
    score=0.875,
    probability=0.75,
    verdict="generated",
    caption="a red ball and a blue cube on wood",
    warnings=("outside this suite's world", "second"),
    scores={"sare": 0.5, "tidy": 0.25},
)
BAD = Prediction("b[red]\x1b[2J.jpg", "error", error="empty file; expected a picture")


@dataclass
class Stand:
    """A workflow's stand-in, which keeps what it was asked."""

    answer: Any
    args: tuple[Any, ...] = ()
    asked: dict[str, Any] | None = None

    def __call__(self, *args: Any, **asked: Any) -> Any:
        self.args, self.asked = args, asked
        print("a library's chatter")
        logging.getLogger("unprompt.workflows").info("progress")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


Put = Callable[..., Stand]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Put an answer in the place of a verb's workflow."""

    def stand_in(verb: str, answer: Any, file: str = "") -> Stand:
        module, stand = ModuleType(verb), Stand(answer)
        setattr(module, verb, stand)
        monkeypatch.setitem(sys.modules, f"unprompt.workflows.{file or verb}", module)
        return stand

    return stand_in


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_detect_passes_every_option(put: Put) -> None:
    stand = put("detect", [GOOD])
    options = (
        "--suite s --method sare --fpr 0.01 --prior 0.2 --device cuda --dtype bfloat16 --batch-size 7 --report out"
    )
    done = run("detect", "./a", "b", *options.split(), "--average", "3")
    assert stand.args == (["./a", "b"],)
    assert stand.asked is not None
    assert stand.asked == {
        "suite": "s",
        "method": "sare",
        "fpr": 0.01,
        "prior": 0.2,
        "device": "cuda",
        "dtype": "bfloat16",
        "batch_size": 7,
        "average": 3,
        "report": Path("out"),
    }
    assert "report: out/index.html" in done.stderr
    assert "index.html" not in done.stdout


def test_detect_takes_a_list_from_stdin(put: Put) -> None:
    stand = put("detect", [GOOD])
    CliRunner().invoke(app, ["detect", "a", "-"], input="b c.png\nd.png\n", catch_exceptions=False)
    assert stand.args == (["a", "b c.png", "d.png"],)


@pytest.mark.parametrize("flag", ["-0", "--null"])
@pytest.mark.parametrize("command", ["detect", "attribute"])
def test_a_list_ended_by_nul_bytes(put: Put, command: str, flag: str) -> None:
    stand = put(command, [])
    CliRunner().invoke(app, [command, flag, "-"], input="two\nlines.png", catch_exceptions=False)
    assert stand.args == (["two\nlines.png"],)


@pytest.mark.parametrize(("predictions", "code"), [([GOOD], 0), ([GOOD, BAD], 1), ([BAD], 1)])
def test_detect_exit_code(put: Put, predictions: Sequence[Prediction], code: int) -> None:
    put("detect", predictions)
    assert run("detect", "a").exit_code == code


def test_detect_json_is_one_array_and_nothing_else(put: Put) -> None:
    put("detect", [GOOD, BAD])
    done = run("detect", "a", "--format", "json")
    rows = json.loads(done.stdout)
    assert [set(row) for row in rows] == [{field.name for field in fields(Prediction)}] * 2
    assert rows[0]["warnings"] == ["outside this suite's world", "second"]
    assert rows[0]["scores"] == {"sare": 0.5, "tidy": 0.25}
    assert (rows[1]["uri"], rows[1]["verdict"], rows[1]["error"]) == (BAD.uri, None, BAD.error)
    assert "progress" in done.stderr
    assert "a library's chatter" in done.stderr


def test_detect_jsonl_is_one_object_a_line(put: Put) -> None:
    put("detect", [GOOD, BAD])
    lines = run("detect", "a", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["uri"] for line in lines] == [GOOD.uri, BAD.uri]


def test_detect_json_of_a_name_that_is_no_unicode(put: Put) -> None:
    put("detect", [Prediction("\udcff.png", "ok", verdict="real")])
    assert json.loads(run("detect", "a", "--format", "json").stdout)[0]["uri"] == "\udcff.png"


def test_detect_csv(put: Put) -> None:
    put("detect", [GOOD, BAD])
    rows = list(csv.DictReader(io.StringIO(run("detect", "a", "--format", "csv").stdout)))
    assert [row["uri"] for row in rows] == [GOOD.uri, BAD.uri]
    assert (rows[0]["probability"], rows[0]["scores.tidy"], rows[1]["scores.tidy"]) == ("0.75", "0.25", "")
    assert rows[0]["warnings"] == "outside this suite's world; second"


def test_detect_table_notes_noise_and_duplicates(put: Put) -> None:
    put("detect", [replace(GOOD, warnings=(), spread=0.126), replace(GOOD, duplicate_of="a.jpg")])
    lines = run("detect", "a").stdout.splitlines()
    assert lines[1].rstrip().endswith("±0.13 with the noise")
    assert lines[2].rstrip().endswith("outside this suite's world; second; the same pixels as a.jpg")


def test_detect_table_is_not_cut_and_steers_no_terminal(put: Put) -> None:
    put("detect", [GOOD, BAD])
    lines = run("detect", "a").stdout.splitlines()
    assert lines[0].split() == ["picture", "truth", "verdict", "probability", "sare", "tidy", "caption", "notes"]
    for cell in (GOOD.uri, "0.75", "0.25", GOOD.caption, "outside this suite's world; second"):
        assert f"{cell}" in lines[1]
    assert lines[2].startswith(r"b[red]\x1b[2J.jpg")
    assert lines[2].rstrip().endswith("empty file; expected a picture")
    assert lines[3:] == [
        "2 pictures: 1 generated, 0 inconclusive, 0 real, 1 error",
        "Against the truth: 1 of 1 (100%) decided, 1 of 1 (100%) of those rightly",
    ]


def test_detect_table_without_truth(put: Put) -> None:
    put("detect", [BAD])
    text = run("detect", "a").stdout
    assert "truth" not in text.lower()
    assert "0 real, 1 error\n" in text


@pytest.mark.parametrize(
    ("error", "code"), [(OptionError("--fpr is 2"), 2), (CheckpointError("no head"), 1), (UnpromptError("so"), 1)]
)
def test_errors_are_one_line(put: Put, error: UnpromptError, code: int) -> None:
    put("detect", error)
    done = run("detect", "a")
    assert done.exit_code == code
    assert done.stderr.splitlines()[-1] == f"error: {error}"
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words", [["detect"], ["detect", "a", "--format", "xml"], ["detect", "a", "--guess"], ["guess"], ["train", "sare"]]
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_extract_prints_its_folder(put: Put) -> None:
    stand = put("extract", Path("out"))
    done = run("extract", "sare", "--data", "folder:x", "--out", "out", "--suite", "s")
    assert done.stdout == "out\n"
    assert stand.args == ("sare",)
    assert stand.asked is not None
    assert (stand.asked["data"], stand.asked["out"], stand.asked["suite"]) == ("folder:x", Path("out"), "s")


def test_train_takes_several_folders(put: Put) -> None:
    stand = put("train", Path("c"))
    done = run("train", "panel", "--evidence", "a", "--evidence", "b", "--out", "c", "--seed", "3", "--half")
    assert done.stdout == "c\n"
    assert stand.asked is not None
    assert stand.asked["evidence"] == [Path("a"), Path("b")]
    assert (stand.asked["seed"], stand.asked["half"], stand.asked["suite"]) == (3, True, None)


@pytest.fixture
def measured() -> EvaluationTable:
    return evaluate_scores([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9], ["", "", "flow", "diffusion"], repeats=20)


def test_evaluate_json(put: Put, measured: EvaluationTable) -> None:
    stand = put("evaluate", measured)
    done = run("evaluate", "c", "--evidence", "e", "--split", "validation", "--format", "json")
    assert json.loads(done.stdout) == measured.to_dict()
    assert stand.args == (Path("c"),)
    assert stand.asked is not None
    asked = {name: stand.asked[name] for name in ("evidence", "split", "suite", "threshold", "against", "robustness")}
    assert asked == {
        "evidence": [Path("e")],
        "split": "validation",
        "suite": None,
        "threshold": 0.5,
        "against": None,
        "robustness": None,
    }


def test_evaluate_passes_what_may_be_given_several_times(put: Put, measured: EvaluationTable) -> None:
    stand = put("evaluate", measured)
    words = (
        "--robustness sare --robustness jpeg:50,blur:1 --pair a=b --out r.md --out r.parquet --against d --repeats 9"
    )
    run("evaluate", "c", "--evidence", "e", *words.split())
    assert stand.asked is not None
    assert stand.asked["robustness"] == ["sare", "jpeg:50,blur:1"]
    assert (stand.asked["pair"], stand.asked["against"], stand.asked["repeats"]) == (["a=b"], Path("d"), 9)
    assert stand.asked["out"] == [Path("r.md"), Path("r.parquet")]


def test_evaluate_prints_the_promise_the_perturbations_and_the_difference(put: Put, measured: EvaluationTable) -> None:
    scores = ([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9], ["", "", "flow", "diffusion"])
    whole = evaluate_scores(*scores, bounds=Bounds(0.2, 0.8, 0.05, 0.1, conformal=True), repeats=20)
    compared = compare_scores(scores[0], scores[1], [0.5, 0.6, 0.1, 0.9], scores[2], names=("c", "d"), repeats=20)
    put("evaluate", replace(whole, perturbed={"jpeg:90": measured}, against=compared))
    text = run("evaluate", "c", "--evidence", "e").stdout
    assert "0.200 and 0.800: 0.0 % of real ones called generated (promised: 5 % or less), 0.0 % of generated" in text
    assert "(10 % or less), 50.0 % and 50.0 % inconclusive; promised of new pictures" in text
    lines = text.splitlines()
    after = lines[lines.index("All generators, after a perturbation:") :]
    assert [line.split()[0] for line in after[1:4]] == ["perturbation", "none", "jpeg:90"]
    assert "c minus d, on 2 real and 2 generated pictures:" in text


def test_evaluate_table_has_a_row_a_generator(put: Put, measured: EvaluationTable) -> None:
    put("evaluate", measured)
    lines = run("evaluate", "c", "--evidence", "e").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["diffusion", "flow", "macro", "pooled"]
    assert "0.750" in lines[4]  # accuracy
    assert "above a probability of 0.500" in lines[5]


@dataclass(frozen=True)
class Row:
    name: str
    status: str
    message: str
    fix: str = ""


@pytest.mark.parametrize(("status", "code"), [("pass", 0), ("warn", 0), ("fail", 1)])
def test_doctor_fails_only_for_failures(put: Put, status: str, code: int) -> None:
    put("doctor", [Row("python", "pass", "3.11"), Row("disk", status, "full", "make room")])
    done = run("doctor")
    assert done.exit_code == code
    assert done.stdout.splitlines()[2].split() == ["disk", status, "full", "make", "room"]


@pytest.mark.parametrize("words", [(), ("--selftest",)])
def test_doctor_tests_itself_when_asked(put: Put, words: tuple[str, ...]) -> None:
    stand = put("doctor", [Row("python", "pass", "3.11")])
    run("doctor", *words)
    assert stand.asked == {"selftest": bool(words)}


@pytest.mark.parametrize("verb", ["suites", "methods", "datasets"])
def test_lists_leave_out_empty_columns(put: Put, verb: str) -> None:
    put(verb, [Row("one", "x", "the first")], file="catalogue")
    lines = [line.split() for line in run(verb).stdout.splitlines()]
    assert ["name", "status", "message"] in lines
    assert lines[-1] == ["one", "x", "the", "first"]


def test_version() -> None:
    assert run("--version").stdout == f"unprompt {unprompt.__version__}\n"


def test_help_is_light() -> None:
    code = (
        "import sys\nfrom unprompt.cli import main\nsys.argv = ['unprompt', '--help']\n"
        "try:\n    main()\nfinally:\n"
        "    print({'torch', 'pyarrow', 'jinja2', 'numpy', 'PIL', 'rich'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Is this picture an answer to a prompt?" in done.stdout
    assert done.stderr.strip() == "set()"


def test_train_sets_options(put: Put) -> None:
    stand = put("train", Path("head"))
    run("train", "tidy", "--evidence", "a", "--out", "head", "--set", "epochs=30", "--set", "optimiser=adam")
    assert stand.asked is not None
    assert stand.asked["options"] == {"epochs": 30, "optimiser": "adam"}
    done = run("train", "tidy", "--evidence", "a", "--out", "head", "--set", "epochs")
    assert done.exit_code == 2
    assert "got 'epochs', expected NAME=VALUE" in done.stderr

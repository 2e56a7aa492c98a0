"""The skin: requests decoded, results encoded, errors told; the workflows are stood in for."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import unprompt
from unprompt.cli import app, main
from unprompt.cli.rows import RowPrinter, csv_cell, print_predictions
from unprompt.errors import CheckpointError, OptionError, StoreError, UnpromptError
from unprompt.evaluation import Bounds, EvaluationTable, compare_scores, evaluate_scores
from unprompt.instruments.manifest import Manifest
from unprompt.instruments.shelf import embedded, shipped
from unprompt.types import Prediction

from .conftest import run

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
LAST = Prediction("last.jpg", "ok", verdict="real")
SCORERS = cast(Any, SimpleNamespace(scorers=("sare", "tidy", "traces")))
"""In place of the predictor that gives the rows."""


@dataclass
class Stand:
    """A workflow's stand-in, which keeps what it was asked."""

    answer: Any
    args: tuple[Any, ...] = ()
    asked: dict[str, Any] | None = None
    ending: BaseException = field(default_factory=KeyboardInterrupt)
    """Raised after the row ``LAST``."""

    def __call__(self, *args: Any, **asked: Any) -> Any:
        watch = asked.pop("watch", None)
        self.args, self.asked = args, asked
        print("a library's chatter")
        logging.getLogger("unprompt.workflows").info("progress")
        if isinstance(self.answer, Exception):
            raise self.answer
        for row in self.answer if isinstance(watch, RowPrinter) else ():
            watch(row, SCORERS)
            if row is LAST:
                raise self.ending
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


def test_detect_passes_every_option(put: Put) -> None:
    stand = put("detect", [GOOD])
    options = (
        "--suite s --method sare --fpr 0.01 --prior 0.2 --device cuda --dtype bfloat16 --batch-size 7 --report out "
        "--no-pictures --max-pixels 9"
    )
    further = "--average 3 --out rows --allow-urls --engine ray --devices 2 --address auto"
    done = run("detect", "./a", "b", *options.split(), *further.split())
    assert stand.args == (["./a", "b"],)
    assert stand.asked is not None
    assert stand.asked == {
        "suite": "s",
        "method": "sare",
        "no_pictures": True,
        "fpr": 0.01,
        "prior": 0.2,
        "device": "cuda",
        "dtype": "bfloat16",
        "batch_size": 7,
        "average": 3,
        "report": Path("out"),
        "redraw": None,
        "allow_urls": True,
        "engine": "ray",
        "devices": 2,
        "address": "auto",
        "max_pixels": 9,
        "out": Path("rows"),
        "follow": False,
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


DOCUMENTED = re.findall(r"^\| (\d+) \|", (Path(__file__).parents[2] / "docs/command-line.md").read_text("utf-8"), re.M)


@pytest.mark.parametrize("code", [int(code) for code in DOCUMENTED])
def test_each_documented_exit_code(put: Put, code: int) -> None:
    words = {0: "detect a", 1: "detect a", 2: "detect a --guess", 130: "detect a"}[code]
    put("detect", {0: [GOOD], 1: [GOOD, BAD], 2: [], 130: [LAST]}[code])
    assert run(*words.split()).exit_code == code
    assert len(DOCUMENTED) == 4


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
    assert [row["uri"] for row in rows] == [GOOD.uri, r"b[red]\x1b[2J.jpg"]
    assert (rows[0]["probability"], rows[0]["scores.tidy"], rows[1]["scores.tidy"]) == ("0.75", "0.25", "")
    assert rows[0]["warnings"] == "outside this suite's world; second"


def test_detect_csv_has_the_columns_of_all_who_score_before_the_first_row(put: Put) -> None:
    put("detect", [BAD])
    text = run("detect", "a", "--format", "csv").stdout
    assert text.splitlines()[0].endswith(",duplicate_of,schema_version,scores.sare,scores.tidy,scores.traces")
    put("detect", [])
    assert run("detect", "a", "--format", "csv").stdout.splitlines() == [text.splitlines()[0].partition(",scores.")[0]]


ODD = [
    "=1+1.jpg",
    "+1.png",
    "-1.png",
    "@sum.png",
    "\ttab.png",
    "\rreturn.png",
    "a\nb.png",
    'q"uo,t;e.png',
    "\udcff.png",
]


def test_detect_csv_is_neither_calculated_nor_obeyed(put: Put) -> None:
    put("detect", [replace(GOOD, uri=name, caption="=x", probability=-0.5) for name in ODD])
    rows = list(csv.DictReader(io.StringIO(run("detect", "a", "--format", "csv").stdout)))
    assert [row["uri"] for row in rows] == [
        "'=1+1.jpg",
        "'+1.png",
        "'-1.png",
        "'@sum.png",
        r"\ttab.png",
        r"\rreturn.png",
        r"a\nb.png",
        'q"uo,t;e.png',
        r"\udcff.png",
    ]
    assert {(row["caption"], row["probability"]) for row in rows} == {("'=x", "-0.5")}


@given(st.text(st.characters(exclude_categories=())))
def test_no_csv_cell_begins_a_formula_or_steers_a_terminal(text: str) -> None:
    cell = csv_cell(text)
    assert cell.isprintable()
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert next(csv.reader([text_line(cell)])) == [cell, ""]


def text_line(cell: str) -> str:
    file = io.StringIO()
    csv.writer(file).writerow([cell, ""])
    return file.getvalue()


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_that_are_no_unicode_are_printed_whatever_the_encoding(
    form: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["gone\udcff.png", "g\u00fcn\u4e2d\x1b.png"]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
    for name, value in {"stdout": out, "stderr": err, "argv": ["", "detect", *names, "--format", form]}.items():
        monkeypatch.setattr(sys, name, value)
    monkeypatch.setattr("unprompt.cli.prepare_environment", lambda: None)
    with pytest.raises(SystemExit, match="1"):
        main()
    out.seek(0)
    text = out.read()
    if form.startswith("json"):
        rows = json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]
        assert [row["uri"] for row in rows] == names
    else:
        assert r"gone\udcff.png" in text
        assert "n\u4e2d\\x1b.png" in text if encoding == "utf-8" else r"n\u4e2d\x1b.png" in text


def test_detect_table_notes_noise_and_duplicates(put: Put) -> None:
    put("detect", [replace(GOOD, warnings=(), spread=0.126), replace(GOOD, duplicate_of="a.jpg")])
    lines = run("detect", "a").stdout.splitlines()
    assert lines[3] == "  notes: ±0.13 with the noise"
    assert lines[6] == "  notes: outside this suite's world; second; the same pixels as a.jpg"


def test_detect_table_is_not_cut_and_steers_no_terminal(put: Put) -> None:
    put("detect", [GOOD, BAD])
    lines = [line.rstrip() for line in run("detect", "a").stdout.splitlines()]
    assert lines == [
        "  truth      verdict    probability  sare  tidy  notes",
        GOOD.uri,
        "  generated  generated         0.75  0.50  0.25  outside this suite's world; second",
        "  caption: a red ball and a blue cube on wood",
        r"b[red]\x1b[2J.jpg",
        "             error                               empty file; expected a picture",
        "2 pictures: 1 generated, 0 inconclusive, 0 real, 1 error",
        "Against the truth: 1 of 1 (100%) decided, 1 of 1 (100%) of those rightly",
    ]


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_what_was_judged_before_an_interruption_is_printed(put: Put, form: str) -> None:
    put("detect", [GOOD, LAST, BAD])
    done = run("detect", "a", "--format", form)
    assert done.exit_code == 130
    assert "last.jpg" in done.stdout
    assert "red]" not in done.stdout
    assert done.stderr.splitlines()[-2:] == [
        "ended early: 2 inputs got a row, printed on stdout",
        "interrupted: run the command again with the inputs that have no row yet to go on"
        "; with --out FILE the same command does",
    ]


def test_what_was_judged_before_a_failure_is_printed(put: Put) -> None:
    put("detect", [GOOD, LAST, BAD]).ending = StoreError("out: the report cannot be written")
    done = run("detect", "a", "--format", "json")
    assert done.exit_code == 1
    assert [row["uri"] for row in json.loads(done.stdout)] == [GOOD.uri, "last.jpg"]
    assert done.stderr.splitlines()[-1] == "error: out: the report cannot be written"
    put("detect", [LAST]).ending = RuntimeError("a fault of our own")
    with pytest.raises(RuntimeError, match="a fault of our own"):
        run("detect", "a", "--format", "json")


@pytest.mark.parametrize(
    "words",
    [
        "extract sare --data folder:a --out b",
        "train sare --evidence a --out b",
        "evaluate sare.safetensors --evidence a --robustness papers",
        "reproduce sare/table1 --data genimage:a",
        "audit --data folder:a --align jpeg:96 --out b",
        "analyse shift --evidence a --out b",
        "fetch paper",
    ],
)
def test_an_interrupted_command_says_how_to_go_on(put: Put, words: str) -> None:
    put(words.split()[0], None).__class__ = Interrupted
    done = run(*words.split())
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.stderr.splitlines()[-1] == (
        "interrupted: run the same command again to go on; what it stored is not made again"
    )


class Interrupted(Stand):
    def __call__(self, *args: Any, **asked: Any) -> Any:
        raise KeyboardInterrupt


def test_rows_that_were_printed_before_a_confirmation_are_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    with print_predictions("jsonl") as given:
        given["watch"](BAD, SCORERS)
        again = cast(Any, SimpleNamespace())
        for row in (BAD, GOOD):
            given["watch"](row, again)
    assert [json.loads(line)["uri"] for line in capsys.readouterr().out.splitlines()] == [BAD.uri, GOOD.uri]


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
    assert (stand.asked["data"], stand.asked["out"], stand.asked["suite"]) == ("folder:x", "out", "s")
    assert stand.asked["batch_size"] is None


def test_extract_passes_the_batch_size_of_the_models(put: Put) -> None:
    stand = put("extract", Path("out"))
    run("extract", "sare", "--data", "folder:x", "--out", "out", "--batch-size", "2")
    assert stand.asked is not None
    assert stand.asked["batch_size"] == 2


def test_a_parameter_of_a_model_is_part_of_the_suites_name(put: Put) -> None:
    words = ["--instrument", "diffusion.strength=0.30", "--instrument", "captioner.beams=1"]
    stand = put("extract", Path("e"))
    assert run("extract", "sare", "--data", "folder:p", "--out", "e", "--suite", "paper", *words).exit_code == 0
    assert stand.asked is not None
    assert stand.asked["suite"] == "paper[captioner.beams=1,diffusion.strength=0.3]"


def test_a_parameter_of_which_model() -> None:
    result = run("detect", "a.png", "--instrument", "diffusion.strength=0.3")
    assert result.exit_code == 2
    assert "--instrument is 'diffusion.strength=0.3', expected --suite beside it" in result.stderr


@pytest.mark.parametrize(
    ("pair", "told"),
    [("diffusion.reuse=1.5", "reuse is 1.5, expected"), ("diffusion.reuse=0", "reuse must be 1, which")],
)
def test_a_wrong_value_of_a_parameter_is_wrong_usage(pair: str, told: str) -> None:
    picture = str(Path(unprompt.__file__).parents[2] / "examples/pictures")
    result = run("detect", picture, "--suite", "miniature", "--method", "sare", "--instrument", pair)
    assert (result.exit_code, told in result.stderr) == (2, True)


def test_train_takes_several_folders(put: Put) -> None:
    stand = put("train", Path("c"))
    done = run("train", "panel", "--evidence", "a", "--evidence", "b", "--out", "c", "--seed", "3", "--half")
    assert done.stdout == "c\n"
    assert stand.asked is not None
    assert stand.asked["evidence"] == ["a", "b"]
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
        "evidence": ["e"],
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
    again = [place for place, line in enumerate(lines) if line.startswith("generator")]
    assert [lines[place - 1] for place in again[1:]] == [""] * (len(again) - 1), "what is too wide goes below"
    assert any("above a probability of 0.500" in line for line in lines)
    assert max(map(len, lines)) <= 100


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
    lines = run("--version").stdout.splitlines()
    assert lines[0] == f"unprompt {unprompt.__version__}"
    versions = {f"suite {name} {Manifest.read(shipped(name)).version}" for name in embedded() if name != "fake"}
    assert set(lines[1:]) == versions


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
    assert "--set is 'epochs', expected NAME=VALUE" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_output_that_cannot_be_written_is_one_line(form: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unprompt", "detect", str(tmp_path / "gone.png"), "--format", form]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    told = "error: the output cannot be written (No space left on device); make room, or send it elsewhere"
    assert done.stderr.splitlines()[-1] == told
    assert "Traceback" not in done.stderr

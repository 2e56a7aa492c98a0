"""Defaults by file and environment, completion, colours, and how much is told."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from unprompt.cli.checking import checks
from unprompt.cli.commands import known_flags
from unprompt.cli.configuration import default_map
from unprompt.errors import StoreError
from unprompt.instruments.cache import cache_folder
from unprompt.workflows.doctor import Check, doctor

from .conftest import run


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder and a home without settings."""
    for name in [name for name in os.environ if name.startswith("UNPROMPT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def printed_format(*words: str) -> str:
    """The format in which an input that is not there is printed."""
    text = run("detect", "gone.png", *words).stdout
    if text.startswith("["):
        return "json"
    return "jsonl" if text.startswith("{") else "csv" if text.startswith("uri,") else "table"


def test_a_flag_wins_over_a_variable_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert printed_format() == "table"
    (tmp_path / "home" / "unprompt").mkdir(parents=True)
    (tmp_path / "home" / "unprompt" / "unprompt.toml").write_text('format = "json"\n')
    assert printed_format() == "json"
    Path("unprompt.toml").write_text('format = "json"\n[detect]\nformat = "jsonl"\n')
    assert printed_format() == "jsonl"
    monkeypatch.setenv("UNPROMPT_FORMAT", "csv")
    assert printed_format() == "csv"
    assert printed_format("--format", "table") == "table"


def test_a_table_is_for_its_command() -> None:
    Path("unprompt.toml").write_text('[evidence.ls]\nformat = "json"\n[detect]\nbatch_size = 0\n')
    made = default_map(known_flags())
    assert (made["evidence"]["ls"], made["evidence"]["verify"], made["detect"]) == (
        {"form": "json"},
        {},
        {"batch_size": 0},
    )
    assert "--batch-size is 0, expected 1 or more" in run("detect", "gone.png").stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('suit = "photo"', "unprompt.toml has suit; is suite meant?"),
        ("[detect]\nfprr = 1", "unprompt.toml has fprr in [detect]; is fpr meant?"),
        ("[train]\nbatch-size = 1", "unprompt.toml has batch-size in [train]; "),
        ("[detekt]\nfpr = 1", "unprompt.toml has [detekt]; is detect meant?"),
        ("zzz = 1", "unprompt.toml has zzz; expected one of "),
        ("suite =", "unprompt.toml cannot be read (Invalid value"),
    ],
)
def test_what_no_command_knows_is_an_error_that_names_the_nearest(text: str, told: str) -> None:
    Path("unprompt.toml").write_text(text)
    done = run("detect", "gone.png")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('format = "xml"', "format in unprompt.toml is 'xml', expected one of table, json, jsonl, csv"),
        ('[detect]\nbatch-size = "many"', "batch-size in [detect] of unprompt.toml is 'many', expected a whole number"),
        (
            "[detect]\nprior = 3",
            "--prior is 3.0, expected a share above 0 and below 1, such as 0.5; --prior is set by "
            "prior in [detect] of unprompt.toml",
        ),
        (
            'suite = "nope"',
            "no suite 'nope': expected one of fake, miniature, paper, photo, or the path of a suite's "
            "folder or .toml file; --suite is set by suite in unprompt.toml",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_place_in_the_file(text: str, told: str) -> None:
    Path("unprompt.toml").write_text(text)
    assert run("detect", "gone.png").stderr == f"error: {told}\n"


def test_a_wrong_value_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPROMPT_NO_PICTURES", "maybe")
    told = "error: the variable UNPROMPT_NO_PICTURES is 'maybe', expected true or false\n"
    assert run("attribute", "gone.png").stderr == told
    monkeypatch.delenv("UNPROMPT_NO_PICTURES")
    monkeypatch.setenv("UNPROMPT_PRIOR", "3")
    assert "; --prior is set by the variable UNPROMPT_PRIOR\n" in run("detect", "gone.png").stderr
    assert run("detect", "gone.png", "--prior", "2").stderr.endswith("such as 0.5\n")
    assert "Invalid value for '--batch-size'" in run("detect", "gone.png", "--batch-size", "many").stderr


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("prior", "3", "'3', expected a share above 0 and below 1"),
        ("batch-size", "0", "'0', expected 1 or more"),
        ("method", '"sara"', "'sara', expected one of sare, semgir"),
        ("suite", '"nope"', "'nope', no suite 'nope': expected one of fake, miniature"),
        ("dtype", '"int8"', "'int8', unknown dtype 'int8': expected one of float32"),
        ("device", '"gpu"', "'gpu', device 'gpu' cannot be used here"),
        ("set", '["epochs"]', "'epochs', --set is 'epochs', expected NAME=VALUE"),
        ("format", '"xml"', "'xml', expected one of table, json"),
    ],
)
def test_config_and_doctor_tell_of_wrong_values(key: str, value: str, told: str) -> None:
    Path("unprompt.toml").write_text(f"{key} = {value}\n")
    done = run("config")
    assert (done.exit_code, "expected" in done.stdout or "cannot" in done.stdout) == (2, True)
    assert done.stderr.startswith(f"error: {key} in unprompt.toml is {told}")
    (found,) = checks()
    assert (found.name, found.status) == ("settings", "fail")
    assert found.message.startswith(f"{key} in unprompt.toml is {told}")


@pytest.mark.parametrize("text", ['quiet = "maybe"', 'quit = "maybe"', "quiet = "])
def test_doctor_runs_whatever_the_file_says(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unprompt.workflows.doctor.doctor", lambda *, selftest: [Check("stand-in", "pass", "ran")])
    Path("unprompt.toml").write_text(text)
    done = run("doctor")
    assert (done.exit_code, done.stderr) == (1, "")
    assert "unprompt.toml" in next(line for line in done.stdout.splitlines() if line.startswith("settings  fail"))
    assert "ran" in done.stdout


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    Path("unprompt.toml").write_text('format = "json"', "utf-8-sig")
    assert printed_format() == "json"


def test_the_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPROMPT_CONFIG", "mine.toml")
    assert "UNPROMPT_CONFIG is 'mine.toml', expected a file that is there" in run("detect", "gone.png").stderr


def test_config_shows_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "every flag has its own default" in run("config").stdout
    Path("unprompt.toml").write_text('suite = "photo"\n[detect]\nset = ["a=1", "b=2"]\n')
    assert "unprompt.toml has set in [detect]" in run("config").stderr
    Path("unprompt.toml").write_text('suite = "photo"\n[train]\nset = ["a=1", "b=2"]\n')
    monkeypatch.setenv("UNPROMPT_SUITE", "miniature")
    monkeypatch.setenv("UNPROMPT_METHDO", "item")
    monkeypatch.setenv("UNPROMPT_OF_SOMEBODY_ELSE", "1")
    done = run("config")
    assert [line.split() for line in done.stdout.splitlines()[1:]] == [
        ["suite", "miniature", "the", "variable", "UNPROMPT_SUITE"],
        ["set", "a=1,", "b=2", "train", "unprompt.toml"],
        ["suite", "photo", "unprompt.toml"],
    ]
    assert done.stderr.splitlines() == [
        "warning: the variable UNPROMPT_METHDO is not known and does nothing; is UNPROMPT_METHOD meant?"
    ]


def test_quiet_and_verbose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "Thumbs.db").write_text("")
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    told = run("detect", str(tmp_path), "--suite", "photo", "--method", "traces").stderr
    assert told.count("skipped 1 file of the system") == 1
    assert run("detect", str(tmp_path), "-q").stderr == ""
    monkeypatch.setenv("UNPROMPT_BATCH_SIZE", "7")
    told = run("detect", str(tmp_path), "--verbose").stderr
    assert " s  --batch-size is 7, by the environment" in told
    assert " s  --verbose is True, by the flag" in told
    told = run("detect", "a.png", "--prior", "3", "-v").stderr
    assert "Traceback" in told
    assert told.splitlines()[-1].startswith("error: --prior is 3.0")
    logging.getLogger("unprompt").setLevel(logging.INFO)


def test_quiet_or_verbose(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("detect", "gone.png", "-q", "-v")
    told = "error: --quiet and --verbose are both given, expected one of them: leave the other out\n"
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", told)
    monkeypatch.setenv("UNPROMPT_VERBOSE", "1")
    assert run("detect", "gone.png", "-q").stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # the shell is named, not looked for
    line = "unprompt detect --for"
    given = {
        "COMP_WORDS": line,
        "COMP_CWORD": "2",
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    code = (
        "import sys\nsys.argv = ['unprompt']\nfrom unprompt.cli import main\ntry:\n    main()\nfinally:\n"
        "    print({'torch', 'numpy'} & set(sys.modules), file=sys.stderr)"
    )
    environment = {**os.environ, **given, "_UNPROMPT_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert "--format" in done.stdout
    assert done.stderr.strip() == "set()"
    shown = run("--show-completion", shell).stdout
    assert "_UNPROMPT_COMPLETE" in shown


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_colours_are_left_out_where_nobody_wants_them(
    variable: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(variable, "1")
    assert ("35m" in run("detect", "gone.png").stdout) == coloured


def test_the_caches_are_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "unprompt"
    monkeypatch.setenv("UNPROMPT_HOME", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_the_caches_cannot_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for variable, given, folder in (
        ("XDG_CACHE_HOME", file, file / "unprompt"),
        ("UNPROMPT_HOME", file / "inner", file / "inner"),
        ("UNPROMPT_HOME", file, file),
    ):
        monkeypatch.setenv(variable, str(given))
        told = f"{variable} puts the caches into '{folder}', but {file} is a file; expected a folder"
        with pytest.raises(StoreError, match=re.escape(told)):
            cache_folder()
    found = {row.name: row for row in doctor()}
    assert found["paper: fetched models"].message.startswith(told)
    assert found["miniature: head item"].status == "pass"

"""A watched folder, and rows in a file by which a run goes on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from unprompt.cli import app
from unprompt.errors import DataError, OptionError, StoreError, UnreadablePicture
from unprompt.types import Prediction
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction import arrivals
from unprompt.workflows.prediction.arrivals import SETTLED, Arrivals
from unprompt.workflows.prediction.inputs import Inputs
from unprompt.workflows.prediction.row_file import RowFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, and one file that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        grain = np.random.default_rng(number).integers(0, 255, (30, 40, 3), np.uint8)
        Image.fromarray(grain).save(folder / f"{number}.png")
    (folder / "text.png").write_text("no picture")
    return folder


def rows_in(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_file_is_given_once_its_writing_is_finished(tmp_path: Path) -> None:
    seen = Arrivals([tmp_path])
    path, hidden = tmp_path / "a.png", tmp_path / ".b.png.part"
    path.write_bytes(b"half")
    hidden.write_bytes(b"whole")
    assert seen.ready(0) == []
    path.write_bytes(b"half and more")
    assert seen.ready(SETTLED) == []
    assert seen.ready(2 * SETTLED - 0.1) == []
    assert seen.ready(2 * SETTLED) == [str(path)]
    assert seen.ready(9 * SETTLED) == []
    hidden.rename(tmp_path / "b.png")
    assert seen.ready(10 * SETTLED) == []
    assert seen.ready(11 * SETTLED) == [str(tmp_path / "b.png")]
    path.write_bytes(b"written over")
    assert seen.ready(12 * SETTLED) == []
    assert seen.ready(13 * SETTLED) == [str(path)]


def test_what_has_a_row_is_given_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "inner" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"whole")
    seen = Arrivals([tmp_path], [str(path)])
    assert [seen.ready(time) for time in (0, SETTLED)] == [[], []]
    path.write_bytes(b"something else")
    assert [seen.ready(time) for time in (10, 10 + SETTLED)] == [[], [str(path)]]


def test_a_folder_that_goes_is_told_once_and_looked_at_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "network"
    folder.mkdir()
    seen = Arrivals([folder])
    (folder / "a.png").write_bytes(b"whole")
    assert [seen.ready(time) for time in (0, SETTLED)] == [[], [str(folder / "a.png")]]
    folder.rename(tmp_path / "gone")
    assert [seen.ready(time) for time in (5, 6)] == [[], []]
    assert [one.message for one in caplog.records if f"the folder '{folder}' cannot be read" in one.message] == [
        record.message for record in caplog.records if record.levelname == "WARNING"
    ]
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1
    (tmp_path / "gone").rename(folder)
    assert [seen.ready(time) for time in (10, 10 + SETTLED)] == [[], []]


def test_only_folders_are_followed(folder: Path) -> None:
    with pytest.raises(DataError, match=r"--follow got '.*0\.png', expected a folder that is there"):
        Arrivals([folder, folder / "0.png"])
    for name, given in {"report": "page", "redraw": "paper", "no_pictures": True}.items():
        flag = name.replace("_", "-")
        with pytest.raises(OptionError, match=f"--{flag} is '{given}', expected none with --follow: a page is written"):
            detect(folder, follow=True, **{name: given})  # type: ignore[arg-type]
    done = CliRunner().invoke(app, ["detect", str(folder), "--follow", "--format", "json"])
    assert (done.exit_code, "expected jsonl, csv or table with --follow" in done.stderr) == (2, True)


def test_a_followed_folder_goes_on_where_it_was(
    candidate_suites: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "SETTLED", 0)
    out, seen = tmp_path / "rows.jsonl", []

    def watch(row: Prediction, _: object) -> None:
        seen.append((os.path.basename(row.uri), row.status))
        if len(seen) == 3:
            shutil.copy(folder / "0.png", folder / "later.png")
        if row.uri.endswith(("later.png", "last.png")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect(folder, suite=candidate_suites, method="item", follow=True, out=out, watch=watch)
    first = [("0.png", "ok"), ("1.png", "ok"), ("text.png", "error"), ("later.png", "ok")]
    assert seen == first
    shutil.copy(folder / "1.png", folder / "last.png")
    with pytest.raises(KeyboardInterrupt):
        detect(folder, suite=candidate_suites, method="item", follow=True, out=out, watch=watch)
    assert seen == [*first, ("last.png", "ok")]
    assert [(os.path.basename(str(row["uri"])), row["status"]) for row in rows_in(out)] == seen


def test_progress_comes_soon_and_tells_the_time_left(
    candidate_suites: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    detect(folder, suite=candidate_suites, method="item")
    lines = [one.message for one in caplog.records if one.message.startswith("judged")]
    assert [line.partition(",")[0] for line in lines] == ["judged 1 of 3", "judged 2 of 3", "judged 3 of 3"]
    assert [", about " in line for line in lines] == [True, True, False]


def test_rows_in_a_file_are_not_judged_again(candidate_suites: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    whole = detect(folder, suite=candidate_suites, method="item", out=out)
    lines = out.read_bytes().splitlines(keepends=True)
    assert [row.uri for row in whole] == [row["uri"] for row in rows_in(out)]
    out.write_bytes(lines[0] + lines[1][:-9])
    assert [row.uri for row in detect(folder, suite=candidate_suites, method="item", out=out)] == [
        row.uri for row in whole[1:]
    ]
    assert [row["uri"] for row in rows_in(out)] == [row.uri for row in whole]
    (again,) = detect(folder, suite=candidate_suites, method="item", out=out)
    assert (os.path.basename(again.uri), again.status) == ("text.png", "error")


def test_a_page_of_before_is_not_replaced_by_one_of_the_rest(
    candidate_suites: Path, folder: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"suite": candidate_suites, "method": "item", "out": tmp_path / "rows.jsonl"}
    detect(folder, **given, report=tmp_path / "page")
    before = (tmp_path / "page" / "index.html").read_bytes()
    with pytest.raises(OptionError, match=r"page/index.html shows pictures that have a row in .*rows.jsonl already"):
        detect(folder, **given, report=tmp_path / "page")
    assert (tmp_path / "page" / "index.html").read_bytes() == before
    detect(folder, **given, report=tmp_path / "rest")
    assert (tmp_path / "rest" / "index.html").exists()


def test_a_picture_that_changed_since_is_judged_again(candidate_suites: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    asked: dict[str, Any] = {"suite": candidate_suites, "method": "item", "out": out}
    detect(folder, **asked)
    shutil.copy(folder / "1.png", folder / "0.png")
    shutil.copy(folder / "1.png", folder / "text.png")
    later = out.stat().st_mtime + 5
    os.utime(folder / "0.png", (later, later))
    rows = detect(folder, **asked)
    assert [(os.path.basename(row.uri), row.status) for row in rows] == [("0.png", "ok"), ("text.png", "ok")]


def test_the_file_of_rows_is_no_picture(candidate_suites: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    asked: dict[str, Any] = {"suite": candidate_suites, "method": "item", "out": "rows.jsonl"}
    assert [row.uri for row in detect(".", **asked)] == ["./0.png", "./1.png", "./text.png"]
    with RowFile(Path("rows.jsonl"), {}) as file:
        seen = Arrivals(["."], file, file.is_own)
        assert seen.ready(0) == []
        assert seen.ready(SETTLED) == ["./text.png"]  # an error is tried again


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"prior": 0.2}, "prior 0.5, this run judges with prior 0.2: give the same --prior to go on, or name another"),
        ({"fpr": 0.5}, "fpr None, this run judges with fpr 0.5: give the same --fpr to go on, or name another"),
        (
            {"average": 2},
            "average 1, this run judges with average 2: give the same --average to go on, or name another",
        ),
        (
            {"dtype": "bfloat16"},
            "dtype 'float32', this run judges with dtype 'bfloat16': give the same --dtype to go on",
        ),
        ({"method": "tidy"}, "method 'item', this run judges with method 'tidy': give the same --method to go on, or"),
    ],
)
def test_rows_of_other_options_are_not_gone_on_with(
    changed: dict[str, Any], told: str, candidate_suites: Path, folder: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"suite": candidate_suites, "method": "item", "out": tmp_path / "rows.jsonl"}
    detect(folder, **asked)
    with pytest.raises(StoreError, match=f"line 1 was judged with {told}"):
        detect(folder, **asked | changed)


def test_rows_of_several_suites_may_stand_in_one_file(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    with RowFile(out, {"suite": ["photo"]}) as file:
        file.write(Prediction("a.png", "error", "no picture"))
        file.write(Prediction("b.png", "ok", method="item", suite="photo", prior=0.5))
    with RowFile(out, {"suite": ["miniature", "photo"]}) as file:
        assert "b.png" in file
    told = "line 2 was judged with suite 'photo', this run judges with suite 'a' or 'b': give the same --suite to go on"
    with pytest.raises(StoreError, match=told):
        RowFile(out, {"suite": ["a", "b"]}).__enter__()


def test_rows_state_what_they_were_judged_with(candidate_suites: Path, folder: Path) -> None:
    rows = detect(folder, suite=candidate_suites, method="item", prior=0.3, fpr=0.5, average=2, dtype="bfloat16")
    stated = [(row.prior, row.fpr, row.average, row.dtype) for row in rows]
    assert stated == [(0.3, 0.5, 2, "bfloat16")] * 2 + [(None,) * 4]


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_file_of_rows_that_goes_is_noticed(exchanged: bool, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    with RowFile(out, {}) as file:
        file.write(Prediction("a.png", "error"))
        out.rename(tmp_path / "former.jsonl")
        if exchanged:
            out.touch()
        with pytest.raises(StoreError, match=r"rows\.jsonl: was removed or exchanged while rows were written into it"):
            file.write(Prediction("b.png", "error"))
    assert len(rows_in(tmp_path / "former.jsonl")) == 1


def test_what_is_no_file_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to("later.png")
    (tmp_path / "linked.png").symlink_to("pipe.png")
    told = f"{tmp_path}: skipped pipe.png, a pipe, socket or device: expected files"
    seen = Arrivals([tmp_path])
    links = [str(tmp_path / "link.png"), str(tmp_path / "linked.png")]
    assert [seen.ready(time) for time in (0, SETTLED)] == [[], links]
    assert [one.message for one in caplog.records].count(told) == 1
    assert [isinstance(one.read(), UnreadablePicture) for one in Inputs(tmp_path)] == [True, True]
    assert [one.message for one in caplog.records].count(told) == 2
    (tmp_path / "later.png").write_bytes(b"whole")
    assert [seen.ready(time) for time in (10, 10 + SETTLED)] == [[], [str(tmp_path / "later.png"), links[0]]]


def test_rows_go_into_an_ordinary_file_alone() -> None:
    with pytest.raises(StoreError, match="/dev/null: is no ordinary file; expected one that can be read again"):
        RowFile(Path("/dev/null"), {}).__enter__()


def test_rows_of_a_former_release_are_read(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    out.write_text(json.dumps({"uri": str(folder / "0.png"), "status": "ok"}) + "\n")
    os.utime(out, (later := os.stat(folder).st_mtime + 5, later))
    with RowFile(out, {}) as file:
        assert [os.path.basename(one.sample.uri) for one in Inputs(folder, file)] == ["1.png", "text.png"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("uri,status\n", "line 1 is no row (b'uri,status\\n'); expected rows as JSON Lines"),
        ('{"uri": "a", "status": "ok"}\n[]\n', "line 2 is no row (b'[]\\n')"),
        (
            '{"uri": "a", "status": "ok", "schema_version": 7}\n',
            "line 1 is of 'a' with schema_version 7, expected a name and 1",
        ),
    ],
)
def test_another_file_is_left_as_it_is(text: str, told: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "notes.txt"
    out.write_text(text + "half a line")
    with pytest.raises(StoreError) as caught:
        detect(folder, out=out)
    assert str(caught.value).startswith(f"{out}: {told}")
    assert out.read_text() == text + "half a line"


def test_a_file_that_cannot_be_written(folder: Path) -> None:
    with pytest.raises(StoreError, match="in: is no ordinary file; expected one that can be read again"):
        detect(folder, out=folder)

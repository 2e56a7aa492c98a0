"""Rows come as they are judged, in bounded memory, and outlive what ends the run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unprompt.cli.rows import print_predictions
from unprompt.errors import NotFinite, OptionError, PictureTooLarge, StoreError
from unprompt.images import Limits
from unprompt.instruments import Suite
from unprompt.report.report_item import LONGEST
from unprompt.types import Picture, Prediction, Sample
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.batches import batches
from unprompt.workflows.prediction.detection import Predictor
from unprompt.workflows.prediction.detector_head import DetectorHead
from unprompt.workflows.prediction.inputs import Input, iter_inputs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of 40 x 30 pixels, of which the last two are equal, and one file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(6):
        grain = np.random.default_rng(min(number, 4)).integers(0, 255, (30, 40, 3), np.uint8)
        Image.fromarray(grain).save(folder / f"{number}.png")
    (folder / "text.png").write_text("no picture")
    return folder


@pytest.fixture
def predictor(candidate_suites: Path) -> Predictor:
    return Predictor([Suite.load(candidate_suites)], "item", batch_size=2)


def test_inputs_are_taken_when_their_batch_is_due(predictor: Predictor, folder: Path) -> None:
    taken: list[str] = []

    def inputs() -> Iterator[Input]:
        for one in list(iter_inputs(folder)):
            taken.append(one.sample.uri)
            yield one

    rows = predictor.iterate(inputs())
    assert next(rows).status == "ok"
    assert len(taken) == 1
    assert [row.uri for row in (next(rows), next(rows))] == taken[1:3]
    assert len(taken) == 3
    rest = [*rows]
    assert [row.status for row in rest] == ["ok", "ok", "ok", "error"]
    assert rest[2].duplicate_of == rest[1].uri


def test_each_row_is_shown_with_what_gave_it(candidate_suites: Path, folder: Path) -> None:
    seen: list[tuple[Prediction, tuple[str, ...]]] = []
    rows = detect(folder, suite=candidate_suites, watch=lambda row, by: seen.append((row, by.scorers)), batch_size=3)
    assert [row for row, _ in seen] == rows
    assert {scorers for _, scorers in seen} == {("sare", "semgir", "tidy", "item")}
    assert all(set(row.scores) == set(scorers) for row, scorers in seen if row.status == "ok")


def test_scores_of_several_suites_are_named_together() -> None:
    suites = [Suite.load("miniature"), Suite.load("photo")]
    photographs = ("clip-layers", "univfd", "traces", "patches")
    assert Predictor(suites).scorers == ("sare", "semgir", "tidy", "item", *photographs)
    assert Predictor(suites[1:], "traces").scorers == ("traces",)


@pytest.mark.parametrize(
    ("pixels", "sizes"), [(1, [1] * 8), (2400, [1, 2, 2, 2, 1]), (2401, [1, 2, 3, 2]), (10**6, [1, 2, 3, 2])]
)
def test_batches_grow_and_end_where_their_pixels_pass_the_budget(pixels: int, sizes: list[int], folder: Path) -> None:
    inputs = 2 * list(iter_inputs(sorted(folder.glob("[0-3].png"))))
    made = list(batches(inputs, 3, pixels=pixels))
    assert [len(one) for one in made] == sizes
    assert [given for one in made for given, _ in one] == inputs


@pytest.mark.parametrize(("first", "sizes"), [(1, [1, 2, 1]), (2, [2, 2]), (9, [3, 1])])
def test_the_first_batch_can_be_a_whole_one(first: int, sizes: list[int], folder: Path) -> None:
    made = batches(list(iter_inputs(sorted(folder.glob("[0-3].png")))), 3, first=first)
    assert [len(one) for one in made] == sizes


def test_off_a_cpu_models_meet_whole_batches(
    predictor: Predictor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[int] = []
    answers = Predictor._answers
    noted = lambda self, pictures, explain: met.append(len(pictures)) or answers(self, pictures, explain)  # noqa: E731
    monkeypatch.setattr(Predictor, "_answers", noted)
    for on_cpu in (True, False):
        monkeypatch.setattr(Suite, "on_cpu", on_cpu)
        predictor.predict(iter_inputs(sorted(folder.glob("[0-3].png"))))
    assert met == [1, 2, 1, 2, 2]


def test_no_former_batch_is_held(folder: Path) -> None:
    import gc
    import weakref

    alive: list[weakref.ref[Picture]] = []
    for batch in batches(list(iter_inputs(sorted(folder.glob("[0-3].png")))), 1):
        assert not [one for one in alive if one() is not None]
        alive = [weakref.ref(picture) for _, picture in batch if isinstance(picture, Picture)]
        assert len(alive) == 1
        del batch
        gc.collect()


def test_pixels_in_a_batch_move_no_score(candidate_suites: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = detect(folder, suite=candidate_suites, method="item")
    plain = batches
    monkeypatch.setattr(
        "unprompt.workflows.prediction.predictor.batches",
        lambda *given, **named: plain(*given, **named, pixels=40 * 30 + 1),
    )
    parted = detect(folder, suite=candidate_suites, method="item")
    assert [row.score for row in parted] == [
        None if row.score is None else pytest.approx(row.score, abs=1e-4) for row in whole
    ]


def test_what_has_too_many_pixels_names_the_option(candidate_suites: Path, folder: Path) -> None:
    (row,) = detect(folder / "0.png", suite=candidate_suites, max_pixels=1199)
    assert (row.status, row.uri) == ("error", str(folder / "0.png"))
    assert "the header says 40 x 30 = 1200 pixels; at most 1199 are opened" in (row.error or "")
    assert "or raise --max-pixels (max_pixels in Python) if you trust it" in (row.error or "")
    assert detect(folder / "0.png", suite=candidate_suites, method="item", max_pixels=1200)[0].status == "ok"
    with pytest.raises(OptionError, match="max_pixels is 0; expected 1 or more"):
        detect(folder, suite=candidate_suites, max_pixels=0)
    assert isinstance(Input(Sample(str(folder / "0.png"))).read(Limits(9)), PictureTooLarge)


def test_what_was_judged_before_an_interruption_is_on_the_page(
    candidate_suites: Path, folder: Path, tmp_path: Path
) -> None:
    def interrupt(row: Prediction, by: Predictor) -> None:
        if row.uri.endswith("1.png"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect(folder, suite=candidate_suites, method="item", report=tmp_path / "page", watch=interrupt)
    page = (tmp_path / "page" / "index.html").read_text("utf-8")
    assert "0.png" in page
    assert "2.png" not in page


@pytest.mark.parametrize("gone", ["page", "page/pictures"])
def test_a_page_whose_folder_vanished_is_an_error(
    gone: str, candidate_suites: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose(row: Prediction, by: Predictor) -> None:
        given["watch"](row, by)
        if row.uri.endswith("1.png"):
            shutil.rmtree(tmp_path / gone)

    with (
        pytest.raises(
            StoreError, match=r"page: the report cannot be written \(.*No such file .* name another --report"
        ),
        print_predictions("jsonl") as given,
    ):
        detect(folder, suite=candidate_suites, method="item", report=tmp_path / "page", watch=lose)
    assert [json.loads(line)["uri"][-5:] for line in capsys.readouterr().out.splitlines()] == ["0.png", "1.png"]


def test_a_report_holds_pictures_as_they_are_shown(candidate_suites: Path, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 1600, 3), np.uint8)).save(tmp_path / "wide.png")
    predictor = Predictor([Suite.load(candidate_suites)], "item")
    (item,) = predictor.explain(list(iter_inputs(tmp_path / "wide.png")))
    assert item.figures[0].rgb.shape == (43, LONGEST, 3)
    assert (item.figures[0].width, item.figures[0].height) == (1600, 90)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("form", ["jsonl", "table"])
def test_ctrl_c_ends_with_130_and_what_was_judged(form: str, candidate_suites: Path, folder: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a process in the background inherits none
        "from unprompt.workflows.prediction import inputs\n"
        "plain = inputs.Input.read\n"
        "def read(self, *given):\n"
        "    if self.sample.uri.endswith('3.png'):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return plain(self, *given)\n"
        "inputs.Input.read = read\n"
        "from unprompt.cli import main\n"
        "main()\n"
    )
    words = ["detect", str(folder), "--suite", str(candidate_suites), "--method", "item", "--batch-size", "1"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--format", form], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "ended early: 3 inputs got a row, printed on stdout",
        "interrupted: run the command again with the inputs that have no row yet to go on"
        "; with --out FILE the same command does",
    ]
    assert [name for name in ("0.png", "1.png", "2.png", "3.png") if name in done.stdout] == ["0.png", "1.png", "2.png"]


def test_rows_without_a_probability_say_why(tmp_path: Path) -> None:
    pictures: dict[str, Callable[[], Image.Image]] = {
        "one.png": lambda: Image.new("RGB", (1, 1), "red"),
        "eight.png": lambda: Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)),
        "flat.png": lambda: Image.new("RGB", (120, 100), "grey"),
    }
    for name, make in pictures.items():
        make().save(tmp_path / name)
    for suite, method in (("photo", "panel"), ("photo", "traces"), ("miniature", "item"), ("auto", "panel")):
        rows = {Path(row.uri).name: row for row in detect(tmp_path, suite=suite, method=method)}
        assert {(row.status, row.probability) for row in rows.values()} == {("ok", None)}
        assert "too small to be judged: 1 x 1 pixels, expected a shorter side of 64 or more" in rows["one.png"].warnings
        assert "too small to be judged: 8 x 8 pixels, expected" in " ".join(rows["eight.png"].warnings)
        assert "too flat to be judged: its middle is of nearly one brightness" in rows["flat.png"].warnings
        assert all("outside this suite's world" in row.warnings for row in rows.values())


def test_what_a_model_answers_without_a_number_is_an_error_row(
    candidate_suites: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other pictures of the batch are judged as ever."""
    sound = {row.uri: row for row in detect(folder, suite=candidate_suites, method="item")}
    plain = DetectorHead.answer
    bad = next(row.pixels for row in sound.values() if row.status == "ok")

    def answer(head: Any, cache: Any, *rest: Any) -> Any:
        places = [place for place, one in enumerate(cache.pixels) if one == bad]
        if places:
            raise NotFinite("the encoder answers NaN", places, cache.pixels)
        return plain(head, cache, *rest)

    monkeypatch.setattr(DetectorHead, "answer", answer)
    for row in detect(folder, suite=candidate_suites, method="item"):
        if row.pixels == bad:
            assert (row.status, row.verdict, row.error) == ("error", None, "the encoder answers NaN")
        else:
            assert (row.status, row.score) == (sound[row.uri].status, pytest.approx(sound[row.uri].score, abs=1e-4))

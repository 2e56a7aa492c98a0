"""Detect: a row for every input, the good ones judged, whatever lies beside them."""

from __future__ import annotations

import io
import math
import shutil
import statistics
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unprompt.detectors import load, ood
from unprompt.detectors.base import Model
from unprompt.errors import DataError, MissingHead, OptionError, SuiteError
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.traces import extractor
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.instruments.blip import BlipCaptioner
from unprompt.instruments.owlv2 import Owlv2Grounder
from unprompt.types import RGB, Caption, Prediction
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.detection import Predictor
from unprompt.workflows.prediction.inputs import iter_inputs
from unprompt.workflows.prediction.predictor import UNGROUNDED

NOTHING = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
"""Boxes and scores of a phrase that is nowhere."""


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good pictures beside everything that users' folders hold."""
    folder = tmp_path_factory.mktemp("hard")
    good = np.random.default_rng(0).integers(0, 255, (40, 36, 3), dtype=np.uint8)
    picture = Image.fromarray(good)
    picture.save(folder / "good.jpg")
    whole = (folder / "good.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not a picture at all")
    (folder / "bomb.png").write_bytes(bomb(60_000, 60_000))
    Image.fromarray(good[..., 0].astype(np.uint16) * 257).save(folder / "sixteen.png")
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    frames = [Image.fromarray(np.full((20, 20, 3), shade, np.uint8)) for shade in (10, 200)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    picture.save(folder / "suffixless", format="PNG")
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.new("RGB", (3000, 5)).save(folder / "ribbon.png")
    return folder


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that promises more pixels than it should ever be asked to show."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_a_row_for_each_and_the_good_ones_judged(candidate_suites: Path, hard: Path) -> None:
    judged = {Path(row.uri).name: row for row in detect([hard], suite=candidate_suites)}
    assert len(judged) == 11
    bad = {name for name, row in judged.items() if row.status == "error"}
    assert bad == {"truncated.jpg", "empty.png", "text.jpg", "bomb.png"}
    assert "60000 x 60000" in (judged["bomb.png"].error or "")
    for name in set(judged) - bad:
        row = judged[name]
        assert row.verdict in ("real", "generated", "inconclusive")
        assert row.probability is not None
        assert 0 <= row.probability <= 1
        assert set(row.scores) == {"sare", "semgir", "tidy", "item"}
        assert row.uri == str(hard / name)


def test_alone_and_in_company_a_picture_gets_one_score(candidate_suites: Path, hard: Path, pictures: Path) -> None:
    paths = [hard / "good.jpg", *sorted((pictures / "test" / "real").iterdir())[:6]]
    together = detect(paths, suite=candidate_suites)
    turned = detect(paths[::-1], suite=candidate_suites, batch_size=3)[::-1]
    alone = [detect(path, suite=candidate_suites)[0] for path in paths[:2]]
    scores = [[row.score for row in rows] for rows in (together, turned)]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)
    np.testing.assert_allclose(scores[0][:2], [row.score for row in alone], atol=1e-4)


def test_metadata_and_container_move_no_score(candidate_suites: Path, hard: Path, tmp_path: Path) -> None:
    picture = Image.open(hard / "suffixless")
    stripped = io.BytesIO()
    picture.save(stripped, "BMP")
    (tmp_path / "same.bmp").write_bytes(stripped.getvalue())
    one, other = detect([hard / "suffixless", tmp_path / "same.bmp"], suite=candidate_suites)
    assert one.pixels == other.pixels
    assert one.sha256 != other.sha256
    assert one.score == pytest.approx(other.score, abs=1e-4)


def test_labels_are_told_and_never_used(candidate_suites: Path, pictures: Path, tmp_path: Path) -> None:
    source = pictures / "test" / "real" / "0.png"
    (tmp_path / "generated").mkdir()
    (tmp_path / "real").mkdir()
    shutil.copy(source, tmp_path / "generated")
    shutil.copy(source, tmp_path / "real")
    rows = detect([tmp_path], suite=candidate_suites)
    assert [row.label for row in rows] == [1, 0]
    assert rows[0].score == pytest.approx(rows[1].score, abs=1e-4)


def test_the_prior_moves_the_probability_and_not_the_verdict(candidate_suites: Path, hard: Path) -> None:
    plain, suspicious = (detect(hard / "good.jpg", suite=candidate_suites, prior=prior)[0] for prior in (0.5, 0.9))
    assert suspicious.probability > plain.probability
    assert suspicious.verdict == plain.verdict
    assert suspicious.score == plain.score


def test_the_page_is_written(candidate_suites: Path, hard: Path, tmp_path: Path) -> None:
    detect([hard], suite=candidate_suites, report=tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text()
    assert "truncated.jpg" in page
    assert "suffixless" in page


def test_the_page_shows_where_phrases_were_found(candidate_suites: Path, pictures: Path, tmp_path: Path) -> None:
    some = sorted((pictures / "test" / "real").iterdir())[:4]
    rows = detect(some, suite=candidate_suites, method="item", report=tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text()
    found = [row for row in rows if UNGROUNDED not in row.warnings]
    assert found
    assert page.count('<svg class="boxes"') == page.count('<ol class="found"') == len(found)


def test_another_suite_shows_what_it_draws_and_moves_no_score(
    candidate_suites: Path, suite: Path, hard: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"suite": candidate_suites, "method": "item", "report": tmp_path / "page"}
    (plain,) = detect(hard / "good.jpg", **asked)
    (row,) = detect(hard / "good.jpg", redraw=candidate_suites, **asked)
    assert row == plain
    page = (tmp_path / "page" / "index.html").read_text()
    assert page.count("; it moved no score") >= 3
    assert {"reconstruction", "map", "regeneration"} <= {
        path.stem.split("-", 1)[-1] for path in (tmp_path / "page").rglob("*.png")
    }
    with pytest.raises(
        OptionError, match="--redraw is 'paper', but what it draws is shown in a report alone: add --rep"
    ):
        detect(hard / "good.jpg", suite=candidate_suites, redraw="paper")
    with pytest.raises(SuiteError, match="has random weights and gives no verdict"):
        detect(hard / "good.jpg", redraw=suite, **asked)


def test_a_picture_in_which_no_phrase_is_found_says_so(
    candidate_suites: Path, hard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Owlv2Grounder, "_search", lambda self, picture, phrases: [NOTHING] * len(phrases))
    for method in ("tidy", "panel"):
        row = detect(hard / "good.jpg", suite=candidate_suites, method=method)[0]
        assert (row.status, row.warnings) == ("ok", ("no phrase of the caption was found in the picture; only the "
                                                     "whole picture was compared",))  # fmt: skip
    assert detect(hard / "good.jpg", suite=candidate_suites, method="sare")[0].warnings == ()


def test_a_random_suite_gives_no_verdict(suite: Path, hard: Path) -> None:
    with pytest.raises(SuiteError, match="has random weights and gives no verdict"):
        detect([hard], suite=suite)


def test_wrong_use_is_named(candidate_suites: Path, hard: Path) -> None:
    with pytest.raises(OptionError, match="--average is 0, expected 1 or more draws of the noise"):
        detect([hard], suite=candidate_suites, average=0)
    with pytest.raises(DataError, match="got no path, expected pictures, folders of pictures or patterns"):
        detect([], suite=candidate_suites)
    with pytest.raises(OptionError, match="--batch-size is 0, expected 1 or more"):
        detect([hard], suite=candidate_suites, batch_size=0)
    with pytest.raises(OptionError, match=r"--fpr 0\.001 cannot be promised: 10 real validation pictures"):
        detect([hard], suite=candidate_suites, fpr=0.001)
    with pytest.raises(MissingHead, match="no trained head for method 'clip-probe'"):
        detect([hard], suite=candidate_suites, method="clip-probe")


def test_a_missing_path_is_a_row(candidate_suites: Path, hard: Path) -> None:
    rows: list[Prediction] = detect([hard / "good.jpg", hard / "gone.jpg"], suite=candidate_suites)
    assert [row.status for row in rows] == ["ok", "error"]
    assert "gone.jpg" in (rows[1].error or "")


def test_patterns_are_expanded_and_one_without_a_match_is_a_row(candidate_suites: Path, hard: Path) -> None:
    rows = detect([f"{hard}/*.gif", f"{hard}/no*/*.png"], suite=candidate_suites)
    assert [(row.uri, row.status) for row in rows] == [
        (str(hard / "animated.gif"), "ok"),
        (f"{hard}/no*/*.png", "error"),
    ]
    assert "no file or folder matches this pattern" in (rows[1].error or "")


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_equal_pixels_are_judged_once(
    batch_size: int, candidate_suites: Path, hard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    plain = BlipCaptioner.captions

    def captions(self: BlipCaptioner, pictures: Sequence[RGB]) -> list[Caption]:
        asked.append(len(pictures))
        return plain(self, pictures)

    monkeypatch.setattr(BlipCaptioner, "captions", captions)
    (tmp_path / "real").mkdir()
    Image.open(hard / "suffixless").save(tmp_path / "real" / "same.bmp")
    paths = [hard / "suffixless", hard / "good.jpg", tmp_path, hard / "suffixless"]
    first, other, *copies = detect(paths, suite=candidate_suites, batch_size=batch_size)
    assert sum(asked) == 2
    assert [row.duplicate_of for row in (first, other)] == [None, None]
    assert [row.duplicate_of for row in copies] == [first.uri] * 2
    assert [row.uri for row in copies] == [str(tmp_path / "real" / "same.bmp"), first.uri]
    assert [(row.format, row.label) for row in (first, *copies)] == [("PNG", None), ("BMP", 0), ("PNG", None)]
    assert copies[0].sha256 != first.sha256
    assert {(row.score, row.probability, row.verdict, row.caption) for row in copies} == {
        (first.score, first.probability, first.verdict, first.caption)
    }
    assert copies[0].scores == first.scores


def test_what_looks_at_files_judges_each_file(
    candidate_suites: Path, hard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unprompt.workflows.prediction.heads.OF_FILES", {"tidy"})
    Image.open(hard / "suffixless").save(tmp_path / "same.bmp")
    rows = detect(
        [hard / "suffixless", tmp_path / "same.bmp", hard / "suffixless"], suite=candidate_suites, method="tidy"
    )
    assert [row.duplicate_of for row in rows] == [None, None, rows[0].uri]


@pytest.mark.parametrize("method", ["panel", "sare"])
def test_an_average_is_the_mean_logit_over_draws(
    method: str, candidate_suites: Path, hard: Path, pictures: Path
) -> None:
    paths = [hard / "good.jpg", pictures / "test" / "real" / "0.png"]
    suite = Suite.load(candidate_suites)
    detector = load(suite.head(method), suite)
    shown = [read(path, str(path)) for path in paths]
    drawn = [detector.logits(detector.extractor.extract(ProductCache(shown, suite, noise=draw))) for draw in range(3)]
    rows = detect(paths, suite=candidate_suites, method=method, average=3)
    plain = detect(paths, suite=candidate_suites, method=method)
    for i, (row, single) in enumerate(zip(rows, plain, strict=True)):
        logits = [float(one[i]) for one in drawn]
        mean = statistics.fmean(logits)
        assert row.score == pytest.approx(1 / (1 + math.exp(-mean)), abs=1e-6)
        assert row.probability == pytest.approx(float(detector.probability([mean])[0]), abs=1e-6)
        moves = statistics.stdev(float(detector.probability([one])[0]) for one in logits)
        assert row.spread == pytest.approx(moves, abs=1e-6)
        assert row.spread > 0
        assert row.score != single.score
        assert single.score == pytest.approx(1 / (1 + math.exp(-logits[0])), abs=1e-6)
        assert single.spread is None


def test_a_method_without_noise_is_not_asked_twice(
    candidate_suites: Path, hard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProductCache, "at_noise", None)
    one, other = (detect(hard / "good.jpg", suite=candidate_suites, method="item", average=k)[0] for k in (1, 4))
    assert replace(other, average=1) == one


def test_without_a_readable_picture_no_model_is_loaded(candidate_suites: Path, hard: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(Predictor, "_head", None)
    rows = detect([hard / "gone.jpg", hard / "text.jpg"], suite=candidate_suites, batch_size=1)
    assert [row.status for row in rows] == ["error", "error"]
    for wrong, said in (
        ({"prior": 1.0}, r"--prior is 1\.0, expected a share above 0 and below 1"),
        ({"fpr": 0.001}, r"--fpr 0\.001 cannot be promised"),
        ({"method": "sarah"}, r"--method is 'sarah', expected one of sare, semgir"),
        ({"dtype": "float8"}, "unknown dtype 'float8'"),
        ({"device": "gpu"}, "device 'gpu' cannot be used here"),
    ):
        with pytest.raises(OptionError, match=said):
            detect([hard / "good.jpg"], suite=candidate_suites, **wrong)


def test_a_missing_file_loads_no_torch() -> None:
    code = "import sys, unprompt; unprompt.detect('gone.jpg'); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("method", ["panel", "sare"])
def test_each_head_is_asked_once_a_picture(
    method: str, candidate_suites: Path, hard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    plain = Model.answers

    def answers(self: Any, batches: Any) -> Any:
        asked.append(self.method)
        return plain(self, batches)

    monkeypatch.setattr(Model, "answers", answers)
    detect(hard / "good.jpg", suite=candidate_suites, method=method)
    assert sorted(asked) == (["item", "sare", "semgir", "tidy"] if method == "panel" else ["sare"])


def test_traces_are_counted_once_for_the_check_and_the_head(hard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    plain = extractor.traces
    for module in (extractor, ood):
        monkeypatch.setattr(module, "traces", lambda rgb: (counted.append(len(rgb)), plain(rgb))[1])
    row = detect(hard / "good.jpg", suite="photo")[0]
    assert row.scores.keys() in ({"traces", "patches"}, {"clip-layers", "univfd"})  # whether weights were fetched
    assert len(counted) == 1


def test_heads_are_loaded_once_whatever_the_thread(candidate_suites: Path, hard: Path) -> None:
    loaded: list[Any] = []
    predictor = Predictor([Suite.load(candidate_suites)], "item", confirm=loaded.append)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: predictor.predict(list(iter_inputs(hard / "good.jpg"))), range(4)))
    assert len(loaded) == 1
    assert all(rows == found[0] for rows in found)


def test_pictures_that_explain_are_kept_where_they_are_asked_for(candidate_suites: Path, hard: Path) -> None:
    predictor = Predictor([Suite.load(candidate_suites)])
    (item,) = predictor.explain(list(iter_inputs(hard / "good.jpg")))
    assert [one.name for one in item.figures] == ["picture", "reconstruction", "map", "regeneration"]
    assert predictor.predict(list(iter_inputs(hard / "good.jpg"))) == [item.row]

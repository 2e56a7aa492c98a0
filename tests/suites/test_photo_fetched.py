"""The suite of photographs with its encoders, where `unprompt fetch photo` brought them."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from unprompt.detectors.calibration import Thresholds
from unprompt.detectors.checkpoint import read_header
from unprompt.instruments import Manifest, Suite
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.detector_head import ACCUSED
from unprompt.workflows.prediction.reading import TITLE
from unprompt.workflows.prediction.selftest import checks

MANIFEST = Manifest.read("photo")
pytestmark = pytest.mark.skipif(
    not all(MANIFEST.present(MANIFEST.instruments[role]) for role in ("vision", "text")),
    reason="needs `unprompt fetch photo`",
)


@pytest.fixture(scope="module")
def photographs() -> list[Path]:
    skimage = pytest.importorskip("skimage", reason="needs scikit-image, which the development set brings")
    return [Path(skimage.data_dir) / name for name in ("chelsea.png", "coffee.png")]


def test_the_better_panel_judges_alone_and_in_company(photographs: list[Path]) -> None:
    rows = detect(photographs, suite="photo")
    assert all(set(row.scores) == {"clip-layers", "univfd"} for row in rows)
    weak = read_header(MANIFEST.head("panel")).figures["weak"]
    assert all([name for name in weak if name in "".join(row.warnings)] == list(weak) for row in rows)
    assert all(row.verdict in ("real", "inconclusive") for row in rows)
    (alone,) = detect(photographs[1:], suite="photo")
    assert alone.score == pytest.approx(rows[1].score, abs=1e-4)


def test_an_accusation_names_the_kinds_that_are_accused_too_often(
    photographs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Thresholds, "verdict", lambda self, probability: "generated")
    (row,) = detect(photographs[:1], suite="photo")
    assert row.warnings == (ACCUSED.format("face (7 % of 125)"),)


@pytest.mark.parametrize("method", ["tidy", "item", "univfd"])
def test_every_method_judges_by_the_road_that_its_head_learned(method: str, photographs: list[Path]) -> None:
    first, second = detect(photographs, suite="photo", method=method)
    assert (first.status, second.status) == ("ok", "ok")
    assert first.score != second.score
    if method != "univfd":
        assert first.caption
        assert first.caption != second.caption


def test_a_report_tells_the_caption_that_the_panel_does_without(photographs: list[Path], tmp_path: Path) -> None:
    (row,) = detect(photographs[:1], suite="photo", report=tmp_path)
    (told,) = detect(photographs[:1], suite="photo", method="tidy")
    page = (tmp_path / "index.html").read_text("utf-8")
    assert row.caption is None
    assert told.caption is not None
    assert TITLE.format(told.caption) in html.unescape(page)


@pytest.mark.parametrize("method", ["clip-layers", "panel"])
def test_the_golden_scores(method: str) -> None:
    tried = dict(checks(Suite(MANIFEST)))
    assert tried[f"photo: selftest, {method}"]()

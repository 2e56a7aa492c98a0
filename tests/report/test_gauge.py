"""The gauge of a verdict: where the band lies, and what is promised."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from unprompt.detectors.calibration import Thresholds
from unprompt.provenance import ProvenanceNote
from unprompt.report.fragment import card_html
from unprompt.report.gauge import Gauge
from unprompt.report.page import styles
from unprompt.report.report_item import ReportItem, detection_figures
from unprompt.report.summary import PredictionSummary
from unprompt.types import Prediction

STORED = Thresholds.from_validation(0.2, 0.8, fpr=0.05, fnr=0.1, real=np.linspace(0, 1, 300), n_generated=200)


@pytest.mark.parametrize("prior", [0.1, 0.5, 0.9])
def test_the_band_moves_with_the_prior_as_the_probability_does(prior: float) -> None:
    moved = [
        1 / (1 + math.exp(-(math.log(bound / (1 - bound)) + math.log(prior / (1 - prior))))) for bound in (0.2, 0.8)
    ]
    gauge = Gauge.of(0.5, "inconclusive", STORED, prior)
    assert (gauge.lower, gauge.upper) == pytest.approx(tuple(moved))


@pytest.mark.parametrize(
    ("verdict", "conformal", "promise"),
    [
        ("generated", False, "at most 5 % of the 300 real validation pictures are called generated"),
        ("real", False, "at most 10 % of the 200 generated validation pictures are called real"),
        ("generated", True, "at most 5 % of new real pictures of the same kind are called generated"),
        ("inconclusive", False, "neither verdict could be given with the promised share of errors"),
    ],
)
def test_what_a_verdict_promises(verdict: str, conformal: bool, promise: str) -> None:
    assert promise in Gauge.of(0.9, verdict, replace(STORED, conformal=conformal)).promise


def test_views_are_not_called_pictures() -> None:
    promise = Gauge.of(0.9, "generated", STORED, figures={"n_real": 100, "n_generated": 200}).promise
    assert "at most 5 % of the 300 views of 100 real validation pictures are called generated" in promise
    promise = Gauge.of(0.1, "real", STORED, figures={"n_real": 100, "n_generated": 200}).promise
    assert "at most 10 % of the 200 generated validation pictures are called real" in promise


def test_a_card_holds_its_pictures_and_lets_nothing_hostile_through() -> None:
    row = Prediction(
        "<script>a.png", "ok", verdict="generated", probability=0.999, method="item", scores={"item": 0.999}
    )
    notes = [ProvenanceNote("EXIF", "a camera", "<b onclick=x>")]
    item = ReportItem(row, detection_figures(np.zeros((8, 9, 3), np.uint8)), Gauge.of(0.999, "generated", STORED))
    html = card_html(item, PredictionSummary, "one", notes)
    assert 'id="card-one"' in html
    assert 'src="data:image/png;base64,' in html
    assert "--probability: 0.9990; --lower: 0.2000; --upper: 0.8000" in html
    assert html.count("over 99 %") == 3
    assert "&lt;script&gt;a.png" in html
    assert "&lt;b onclick=x&gt;" in html
    assert "<script" not in html
    assert "It is not part of the verdict." in html
    assert ".scale" in styles()


def test_a_card_of_an_error_has_neither_gauge_nor_notes() -> None:
    html = card_html(ReportItem(Prediction("a.png", "error", "a.png: no picture")), PredictionSummary, "one", [])
    assert "a.png: no picture" in html
    assert "Not judged" in html
    assert "gauge" not in html
    assert "What the file says" not in html

"""The suite of photographs with its vision encoder, where `unprompt fetch photo` brought it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unprompt.instruments import Manifest, Suite
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.selftest import checks

MANIFEST = Manifest.read("photo")
pytestmark = pytest.mark.skipif(
    not MANIFEST.present(MANIFEST.instruments["vision"]), reason="needs `unprompt fetch photo --method clip-layers`"
)


@pytest.fixture(scope="module")
def photographs() -> list[Path]:
    skimage = pytest.importorskip("skimage", reason="needs scikit-image, which the development set brings")
    return [Path(skimage.data_dir) / name for name in ("chelsea.png", "coffee.png")]


def test_the_better_panel_judges_alone_and_in_company(photographs: list[Path]) -> None:
    rows = detect(photographs, suite="photo")
    assert all(set(row.scores) == {"clip-layers", "traces"} and row.warnings == () for row in rows)
    assert all(row.verdict in ("real", "inconclusive") for row in rows)
    (alone,) = detect(photographs[1:], suite="photo")
    assert alone.score == pytest.approx(rows[1].score, abs=1e-4)


@pytest.mark.parametrize("method", ["clip-layers", "panel"])
def test_the_golden_scores(method: str) -> None:
    tried = dict(checks(Suite(MANIFEST)))
    assert tried[f"photo: selftest, {method}"]()

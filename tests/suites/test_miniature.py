"""The embedded suite as users meet it: the shipped pictures, pictures from outside, one score whatever the company."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unprompt.detectors import ATTRIBUTORS
from unprompt.instruments import Manifest
from unprompt.recipes.figures import read_packed
from unprompt.types import NONE_OF_THESE, Prediction
from unprompt.workflows.detect import detect
from unprompt.workflows.doctor import doctor
from unprompt.workflows.prediction.predictor import OUTSIDE

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "pictures"
PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "real"
LIMIT = 30e6
"""Bytes of weights that are shipped."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[Prediction]:
    """Every third shipped picture; ``make demo`` judges all."""
    folder = tmp_path_factory.mktemp("pictures")
    for path in sorted(EXAMPLES.rglob("*.jpg"))[::3]:
        place = folder / path.relative_to(EXAMPLES)
        place.parent.mkdir(exist_ok=True)
        shutil.copy(path, place)
    return detect([folder])


def test_shipped_pictures_are_judged(judged: list[Prediction]) -> None:
    assert len(judged) >= 14
    assert {row.status for row in judged} == {"ok"}
    assert {row.label for row in judged} == {0, 1}
    assert all(row.caption for row in judged)
    assert not [row.uri for row in judged if OUTSIDE in row.warnings]


def test_what_is_decided_is_decided_rightly(judged: list[Prediction]) -> None:
    decided = [row for row in judged if row.verdict != "inconclusive"]
    right = [row for row in decided if (row.verdict == "generated") == (row.label == 1)]
    assert len(decided) >= 0.6 * len(judged)
    assert len(right) >= 0.85 * len(decided)


def test_a_picture_gets_one_score_whatever_its_neighbours(judged: list[Prediction]) -> None:
    paths = [row.uri for row in judged[:3]]
    turned = detect(paths[::-1])[::-1]
    np.testing.assert_allclose([row.score for row in turned], [row.score for row in judged[:3]], atol=1e-4)
    assert detect(paths[0])[0].score == pytest.approx(judged[0].score, abs=1e-4)


@pytest.mark.parametrize("method", ["sare", "semgir", "tidy", "item"])
def test_each_method_speaks_alone_as_on_the_panel(method: str, judged: list[Prediction]) -> None:
    for alone, row in zip(detect([row.uri for row in judged[:3]], method=method), judged, strict=False):
        assert alone.method == method
        assert alone.scores[method] == pytest.approx(row.scores[method], abs=1e-4)


def test_a_picture_from_outside_gets_no_verdict(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    row = detect(tmp_path / "noise.png", suite="miniature")[0]
    assert (row.status, row.verdict, row.probability) == ("ok", "inconclusive", None)
    assert row.warnings[0] == "outside this suite's world"


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="needs photographs in ../shared/data/real, which are not shipped")
def test_real_photographs_are_from_outside() -> None:
    paths = sorted(PHOTOGRAPHS.rglob("*.jpg"))[::40][:12]
    rows = detect(paths, suite="miniature", method="tidy")
    assert sum(OUTSIDE in row.warnings for row in rows) >= 0.9 * len(paths)


def test_the_suite_still_says_what_it_said_when_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unprompt.workflows.doctor.embedded", lambda: ["miniature"])
    rows = {row.name: row for row in doctor(selftest=True) if row.name.startswith("miniature: selftest")}
    assert [row for row in rows.values() if row.status != "pass"] == []
    heads = Manifest.read("miniature").heads
    assert set(rows) == {f"miniature: selftest, {name}" for name in ("pictures", *heads)}


def test_the_card_says_what_it_is() -> None:
    manifest = Manifest.read("miniature")
    assert "Synthetic scenes" in manifest.title
    assert "any other picture mean nothing" in manifest.description
    assert not manifest.fake
    assert all(spec.digest for spec in manifest.instruments.values())


def test_the_weights_stay_small() -> None:
    folder = Manifest.read("miniature").file.parent
    assert sum(path.stat().st_size for path in folder.rglob("*.safetensors")) <= LIMIT
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 1.05 * LIMIT


def test_the_page_tells_what_was_measured() -> None:
    measured = read_packed(Manifest.read("miniature").file.parent / "figures.json.gz")
    text = (ROOT / "docs" / "miniature.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\w-]+) \| (\d\.\d\d) \| (\d\.\d\d) \| (\d\.\d\d) \|$", text, re.M)
    assert {method: tuple(map(float, aucs)) for method, *aucs in rows} == {
        method: tuple(round(table["generators"][name]["auc"], 2) for name in ("diffusion", "sibling", "flow"))
        for method, table in measured["methods"].items()
        if method not in ATTRIBUTORS
    }
    rows = re.findall(r"^\| by ([\w-]+) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.M)
    assert {maker: tuple(map(int, counts)) for maker, *counts in rows} == {
        maker: tuple(row["answers"][answer] for answer in ("diffusion", "sibling", NONE_OF_THESE))
        for maker, row in measured["methods"]["semgir-a"]["generators"].items()
    }


def test_the_figures_tell_nothing_of_the_machine_that_made_them() -> None:
    folder = Manifest.read("miniature").file.parent
    tables = read_packed(folder / "figures.json.gz")["methods"]
    named = [table["settings"] for method, table in tables.items() if method not in ATTRIBUTORS]
    assert all((folder / settings["checkpoint"]).is_file() and "evidence" not in settings for settings in named)
    assert not [settings for settings in named if Path(settings["checkpoint"]).is_absolute()]

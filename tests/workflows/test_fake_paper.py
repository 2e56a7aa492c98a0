"""The suite ``fake`` walks every road of the suite ``paper``, each method with its own classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from unprompt.detectors import EVERY, METHODS, load
from unprompt.detectors.checkpoint import read_header
from unprompt.errors import SuiteError
from unprompt.evaluation import AttributionTable, EvaluationTable
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import read
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.base import Instrument
from unprompt.instruments.shelf import shipped
from unprompt.instruments.specs import BUILT_ON, CLASSES
from unprompt.store import Store
from unprompt.testing.fake_paper import importable
from unprompt.workflows.analyse import analyse
from unprompt.workflows.attribute import attribute
from unprompt.workflows.data.labelled import joined, stores
from unprompt.workflows.detect import detect
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract
from unprompt.workflows.planning.costs import extractors_of, specs_of
from unprompt.workflows.train import train

SMALL = {"epochs": 1}
CROPS = {"resize": 64, "crop": 56}
"""Of the convolutional baselines, whose own are made for pictures of 256 pixels and more."""
FITTED = tuple(method for method in METHODS if method != "panel")
PAPERS = ("sare", "semgir", "tidy", "item")
NEEDED = {
    **dict.fromkeys(("sare", "semgir", "semgir-a", "drct", "panel"), "encoder"),
    **dict.fromkeys(("resnet50", "convnext", "swin", "cnndet", "gramnet", "fusing", "dire", "lgrad"), "backbone"),
}
"""Method -> the one kind of instrument that its head is built on; the others' heads are built on none."""


STAND_INS = {"semgir": {"stable-diffusion"}, "tidy": {"grounding-dino"}, "item": {"blip-2"}}
"""Method -> classes of the paper's that another one of the papers' ablations stands in for, so that all are walked."""


@contextmanager
def only(method: str) -> Iterator[None]:
    """Inside, an instrument that the method's head is not built on cannot be loaded."""

    def load(self: Instrument) -> Instrument:
        assert self.card.kind == NEEDED.get(method), f"{method} loaded {self!r}"
        return loaded(self)

    loaded = Instrument.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Instrument, "load", load)
        yield


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's cache of our own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def evidence(few: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence of every method, by the name of the suite alone."""
    out = tmp_path_factory.mktemp("paper") / "evidence"
    for method in METHODS:
        extract(method, data=f"folder:{few}", out=out, suite="fake")
    return out


@pytest.fixture(scope="module")
def trained(evidence: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    for method in (*FITTED, "panel"):
        known = METHODS[method].Options().to_dict()
        options = (SMALL if "epochs" in known else {}) | (CROPS if "backbone" in known else {})
        out = folder / f"{method}.safetensors"
        with only(method):
            train(method, evidence=evidence, out=out, suite="fake", options=options, fpr=0.25, fnr=0.25)
    return folder


def kinds(manifest: Manifest, method: str) -> set[str]:
    """Classes of all that a method's evidence and head are built on."""
    return {spec.kind for spec in specs_of(manifest, extractors_of(method, manifest))}


def lacking() -> set[str]:
    """Classes whose packages are not installed here."""
    classes = {"open_clip": "open-clip", "lpips": "lpips"}
    return {kind for package, kind in classes.items() if not importable(package)}


@pytest.mark.parametrize("method", EVERY)
def test_each_method_has_the_classes_of_the_suite_paper(method: str) -> None:
    paper, fake = kinds(Manifest.read(shipped("paper")), method), kinds(Manifest.read("fake"), method)
    assert paper - fake == lacking() & paper | STAND_INS.get(method, set())


def test_every_class_is_walked_but_the_text_encoder() -> None:
    made = {spec.kind for spec in Manifest.read("fake").specs()}
    assert set(CLASSES) - made == lacking() | {"amused", "sentence", *BUILT_ON} | ({"clip-perceptual"} - made)


def test_a_shift_is_measured_by_the_suites_distance(evidence: Path, tmp_path: Path) -> None:
    made = analyse("shift", evidence=evidence, out=tmp_path, suite="fake", suffix=["svg"])
    assert {path.suffix for path in made} >= {".parquet", ".svg"}


def test_every_method_says_what_its_head_is_built_on() -> None:
    assert set(NEEDED) <= set(EVERY)
    roles = {method: set(EVERY[method].roles) for method in EVERY}
    assert all(kind in roles[method] for method, kind in NEEDED.items() if method != "panel")


@pytest.mark.parametrize("method", METHODS)
def test_extract_train_evaluate(method: str, evidence: Path, trained: Path) -> None:
    with only(method):
        table = evaluate(trained / f"{method}.safetensors", evidence=evidence, suite="fake")
    assert isinstance(table, EvaluationTable)
    assert (table.pooled.n_real, table.pooled.n_generated, table.pooled.n_failed) == (4, 4, 1)


def test_attribution_walks_the_same_road(few: Path, tmp_path: Path) -> None:
    """Three candidates of two families; whose the pictures are is only said for once."""
    rows = [
        (path, int(path.parent.name == "gradient"), name, split)
        for split in ("train", "validation", "test")
        for kind, names in (("real", ("scenes",)), ("fake/gradient", ("diffusion", "sibling", "flow")))
        for place, path in enumerate(sorted((few / split / kind).glob("*.[pj][np]g")))
        for name in (names[place % len(names)],)
    ]
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "path,label,generator,split\n" + "".join(",".join(map(str, row)) + "\n" for row in rows), "utf-8"
    )
    evidence = extract("semgir-a", data=f"manifest:{manifest}", out=tmp_path / "evidence", suite="fake")
    with only("semgir-a"):
        head = train("semgir-a", evidence=evidence, out=tmp_path / "semgir-a.safetensors", suite="fake", options=SMALL)
        table = evaluate(head, evidence=evidence, suite="fake")
    assert isinstance(table, AttributionTable)
    assert table.candidates == ("diffusion", "sibling", "flow")
    assert sum(row.n for row in table.rows.values()) == 8
    with pytest.raises(SuiteError, match="suite 'fake' has random weights and gives no verdict"):
        attribute(few / "test", suite="fake")


def test_products_are_shared_where_models_agree(evidence: Path) -> None:
    views = {method: Store(evidence).read_view(method).products for method in PAPERS}
    assert views["sare"]["captions"] == views["semgir"]["captions"]
    assert len({views[method]["captions"] for method in PAPERS}) == 3
    assert views["tidy"]["picture_embeddings"] == views["item"]["picture_embeddings"]
    assert views["tidy"]["caption_embeddings"] != views["item"]["caption_embeddings"]


def test_a_panel_knows_its_members_own_instruments(trained: Path) -> None:
    suite = Suite.load("fake")
    stored = read_header(trained / "panel.safetensors").instruments
    assert stored["captioner"] == suite.captioner.card.digest
    assert stored["tidy.captioner"] == suite.of("tidy").captioner.card.digest
    assert stored["item.captioner"] == suite.of("item").captioner.card.digest
    assert stored["semgir.diffusion"] == suite.of("semgir").diffusion.card.digest
    assert len({stored[name] for name in ("captioner", "tidy.captioner", "item.captioner")}) == 3
    assert load(trained / "panel.safetensors", suite).instruments() == stored


def test_it_gives_no_verdict(few: Path) -> None:
    with pytest.raises(SuiteError, match="suite 'fake' has random weights and gives no verdict"):
        detect(few / "test", suite="fake")


def test_it_is_made_once_and_whole(cache: Path) -> None:
    (folder,) = (cache / "unprompt").glob("fake-*")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert Manifest.read("fake").file.parent == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert list((cache / "unprompt").iterdir()) == [folder]


def test_live_and_stored_it_says_the_same(evidence: Path, trained: Path, few: Path) -> None:
    suite = Suite.load("fake")
    head = load(trained / "panel.safetensors", suite)
    wanted = sorted((few / "test" / "real").iterdir())[:3]
    shown = [read(path, str(path)) for path in wanted]
    live = head.features(head.extractor.extract(ProductCache(shown, suite)))  # Pictures x members.
    for member, column in zip(head.members, live.T, strict=True):
        found = joined(stores(evidence), member, suite, "test")
        stored = dict(zip(found.pixels, member.logits(found.evidence), strict=True))
        np.testing.assert_allclose([stored[picture.pixels] for picture in shown], column, atol=1e-4)

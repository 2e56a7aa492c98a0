"""Train and evaluate: heads from stored evidence, thresholds from validation data, failed pictures counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unprompt.detectors import load
from unprompt.detectors.methods.panel import Panel
from unprompt.errors import DataError, OptionError, StoreError
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.types import REAL
from unprompt.workflows.data.labelled import joined, stores
from unprompt.workflows.data.splits import assigned_split
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract
from unprompt.workflows.train import train

from .conftest import SMALL

METHODS = ("sare", "semgir", "tidy", "item")


@pytest.mark.parametrize("method", [*METHODS, "panel"])
def test_a_head_carries_calibration_thresholds_and_figures(method: str, heads: Path, suite: Path) -> None:
    head = load(heads / f"{method}.safetensors", Suite.load(suite))
    assert head.calibration is not None
    assert head.thresholds is not None
    assert (head.thresholds.n_real, head.thresholds.n_generated) == (10, 10)
    assert head.figures["data"] == "validation"
    assert 0 <= head.figures["auc"] <= 1
    assert head.figures["generators"] == ["gradient"]


def test_the_promise_holds_on_the_validation_pictures(heads: Path, store: Path, suite: Path) -> None:
    loaded = Suite.load(suite)
    head = load(heads / "tidy.safetensors", loaded)
    found = joined(stores(store), head, loaded, "validation")
    probabilities = head.probability(head.logits(found.evidence))
    real = probabilities[np.asarray(found.labels) == REAL]
    assert (real > head.thresholds.upper).mean() <= 0.1


def test_training_again_gives_the_same_file(heads: Path, store: Path, suite: Path, tmp_path: Path) -> None:
    again = train(
        "item", evidence=store, out=tmp_path / "item.safetensors", suite=suite, options=SMALL, fpr=0.1, fnr=0.1
    )
    assert again.read_bytes() == (heads / "item.safetensors").read_bytes()


@pytest.mark.parametrize("method", [*METHODS, "panel"])
def test_evaluate_reads_the_test_split_and_counts_failures(method: str, heads: Path, store: Path, suite: Path) -> None:
    table = evaluate(heads / f"{method}.safetensors", evidence=store, suite=suite)
    assert list(table.generators) == ["gradient"]
    assert (table.pooled.n_real, table.pooled.n_generated, table.pooled.n_failed) == (10, 10, 1)


@pytest.mark.parametrize("scope", ["global", "local"])
def test_one_store_serves_every_scope(scope: str, heads: Path, store: Path, suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "item.safetensors"
    train("item", evidence=store, out=out, suite=suite, options={**SMALL, "scope": scope}, fpr=0.1, fnr=0.1)
    made, both = (load(path, Suite.load(suite)) for path in (out, heads / "item.safetensors"))
    assert (made.options.scope, both.options.scope) == (scope, "both")
    assert ("grounder" in made.instruments()) == (scope == "local")
    assert out.read_bytes() != (heads / "item.safetensors").read_bytes()
    assert evaluate(out, evidence=store, suite=suite).pooled.n_real == 10


def test_global_evidence_does_not_serve_both_scopes(pictures: Path, suite: Path, tmp_path: Path) -> None:
    folder = extract("tidy", data=f"folder:{pictures}", out=tmp_path / "fast", suite=suite, options={"scope": "global"})
    assert not list((folder / "products").glob("boxes-*"))
    with pytest.raises(StoreError, match=r"holds evidence of tidy .* expected .*'boxes': 'boxes-"):
        train("tidy", evidence=folder, out=tmp_path / "tidy.safetensors", suite=suite, options=SMALL)
    options = {**SMALL, "scope": "global"}
    train("tidy", evidence=folder, out=tmp_path / "tidy.safetensors", suite=suite, options=options, fpr=0.1, fnr=0.1)
    with pytest.raises(OptionError, match=r"--scope is unknown, expected one of .*regenerations"):
        extract("semgir", data=f"folder:{pictures}", out=tmp_path / "x", suite=suite, options={"scope": "global"})


@pytest.mark.parametrize("method", ["tidy", "univfd"])
def test_a_native_crop_has_evidence_of_its_own(method: str, pictures: Path, suite: Path, tmp_path: Path) -> None:
    crop, out = {"preprocess": "crop"}, tmp_path / "head.safetensors"
    folder = extract(method, data=f"folder:{pictures}", out=tmp_path / "crops", suite=suite, options=crop)
    assert not list((folder / "products").glob("picture_embeddings-*"))
    with pytest.raises(StoreError, match=r"holds .*'crop_embeddings': .* expected .*'picture_embeddings': "):
        train(method, evidence=folder, out=out, suite=suite, options=SMALL)
    train(method, evidence=folder, out=out, suite=suite, options={**SMALL, **crop}, fpr=0.1, fnr=0.1)
    assert evaluate(out, evidence=folder, suite=suite).pooled.n_real == 10
    loaded = Suite.load(suite)
    head = load(out, loaded)
    held_out = joined(stores(folder), head, loaded, "test")
    shown = {one.pixels: one for one in (read(path, path.name) for path in (pictures / "test").rglob("*.png"))}
    found = head.predict([shown[pixels] for pixels in held_out.pixels])
    np.testing.assert_allclose(found, head.predict_evidence(held_out.evidence), atol=1e-4)


def test_one_store_serves_sare_resized_and_cropped(store: Path, heads: Path, suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "sare.safetensors"
    train("sare", evidence=store, out=out, suite=suite, options={**SMALL, "preprocess": "crop"}, fpr=0.1, fnr=0.1)
    loaded = Suite.load(suite)
    assert [load(one, loaded).options.preprocess for one in (out, heads / "sare.safetensors")] == ["crop", "resize"]
    found, former = (evaluate(one, evidence=store, suite=suite).pooled for one in (out, heads / "sare.safetensors"))
    assert (found.n_real, found.n_generated) == (former.n_real, former.n_generated) == (10, 10)


def test_a_panel_combines_what_its_members_say(heads: Path, store: Path, suite: Path) -> None:
    loaded = Suite.load(suite)
    panel = load(heads / "panel.safetensors", loaded)
    assert isinstance(panel, Panel)
    features = np.random.default_rng(0).normal(size=(5, 4))
    weights = panel.network.linear.weight.detach().double().numpy()[0]
    expected = features @ weights + float(panel.network.linear.bias.detach())
    np.testing.assert_allclose(panel.combined(features), expected, atol=1e-5)


def test_a_panel_needs_its_members_beside_it(store: Path, suite: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds 0 of the panel's members, expected two or more of sare\.safetensors"):
        train("panel", evidence=store, out=tmp_path / "panel.safetensors", suite=suite)


def test_missing_evidence_is_named(store: Path, suite: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"unprompt extract clip-probe"):
        train("clip-probe", evidence=store, out=tmp_path / "probe.safetensors", suite=suite)


def test_pictures_without_a_split_get_one_from_their_hash() -> None:
    rows = [{"split": None, "pixels": f"{i * 2654435761 % 2**32:08x}", "sha256": None} for i in range(4000)]
    drawn = [assigned_split(row) for row in rows]
    assert abs(drawn.count("train") / 4000 - 0.7) < 0.03
    assert abs(drawn.count("test") / 4000 - 0.15) < 0.03
    assert assigned_split({"split": "test", "pixels": "0" * 8}) == "test"

"""Evaluate: copies, pairs, another checkpoint, perturbations of the same pictures, and files of results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from unprompt.detectors import load
from unprompt.errors import DataError, OptionError
from unprompt.images import hash_pixels, read
from unprompt.instruments import Suite
from unprompt.instruments.blip import BlipCaptioner
from unprompt.perturbations import Chain, perturbed
from unprompt.store import Store
from unprompt.workflows.data.labelled import joined, stores
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract
from unprompt.workflows.fitting import grounding
from unprompt.workflows.train import train

from .conftest import SMALL


def test_intervals_bounds_and_settings_are_told(heads: Path, store: Path, suite: Path) -> None:
    table = evaluate(heads / "tidy.safetensors", evidence=store, suite=suite, repeats=50, seed=3)
    head = load(heads / "tidy.safetensors", Suite.load(suite))
    assert head.thresholds is not None
    assert table.bounds is not None
    assert (table.bounds.lower, table.bounds.upper) == (head.thresholds.lower, head.thresholds.upper)
    assert set(table.verdicts) == {"gradient", "pooled"}
    assert table.intervals["pooled"]["auc"].method == "delong"
    told = dict(table.settings)
    assert (told["method"], told["split"], told["calibration"], told["digest"]) == (
        "tidy",
        "test",
        "platt",
        head.digest,
    )
    assert told["bootstrap"] == {"repeats": 50, "level": 0.95, "seed": 3}
    assert told["options"]["epochs"] == 2


def test_another_false_positive_rate_comes_from_validation_pictures(heads: Path, store: Path, suite: Path) -> None:
    head = load(heads / "tidy.safetensors", Suite.load(suite))
    assert head.thresholds is not None
    moved = evaluate(heads / "tidy.safetensors", evidence=store, suite=suite, repeats=0, fpr=0.3)
    assert moved.bounds is not None
    assert (moved.bounds.upper, moved.bounds.fpr) == (head.thresholds.at_fpr(0.3).upper, 0.3)
    with pytest.raises(OptionError, match=r"--fpr 0\.01 cannot be promised: 10 real validation pictures"):
        evaluate(heads / "tidy.safetensors", evidence=store, suite=suite, fpr=0.01)


def test_copies_of_a_picture_count_once(pictures: Path, suite: Path, heads: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures / "test", tmp_path / "data" / "test")
    for number in range(4):
        real = tmp_path / "data" / "test" / "real"
        shutil.copy(real / f"{number}.png", real / f"copy-{number}.png")
    out = extract("tidy", data=f"folder:{tmp_path / 'data'}", out=tmp_path / "evidence", suite=suite)
    table = evaluate(heads / "tidy.safetensors", evidence=out, suite=suite, repeats=0)
    assert (table.pooled.n_real, table.pooled.n_copies, table.pooled.n_failed) == (10, 4, 1)


def test_accuracy_is_told_before_the_calibration_too(heads: Path, store: Path, suite: Path) -> None:
    path = heads / "item.safetensors"
    table = evaluate(path, evidence=store, suite=suite, against=heads / "tidy.safetensors", repeats=20)
    loaded = Suite.load(suite)
    head = load(path, loaded)
    found = joined(stores(store), head, loaded, "test")
    right = (head.logits(found.evidence) > 0) == np.asarray(found.labels)
    assert table.pooled.raw_accuracy == pytest.approx(right.mean())
    assert table.against is not None
    assert table.against.rows["pooled"]["raw_accuracy"].first == pytest.approx(right.mean())


@pytest.fixture
def a_fifth_ungrounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fifth picture of a split counts as one without an object.

    What the suite's random models find is a matter of the processor that they run on.
    """
    monkeypatch.setattr(grounding, "ungrounded", lambda evidence: np.arange(len(evidence)) % 5 == 0)


@pytest.mark.usefixtures("a_fifth_ungrounded")
def test_pictures_without_an_object_are_counted_and_left_out_by_option(
    store: Path, suite: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    options = {**SMALL, "scope": "local"}
    train("tidy", evidence=store, out=tmp_path / "all", suite=suite, options=options)
    assert any("train pictures have no grounded object; they count by their whole" in one for one in caplog.messages)
    every = evaluate(tmp_path / "all", evidence=store, suite=suite, repeats=0)
    counts = 10 * np.array([every.ungrounded["real"], every.ungrounded["generated"]])
    assert counts.sum() == pytest.approx(4)
    assert (every.pooled.n_real, every.pooled.n_generated) == (10, 10)
    left = {**options, "ungrounded": "left-out"}
    train("tidy", evidence=store, out=tmp_path / "some", suite=suite, options=left)
    some = evaluate(tmp_path / "some", evidence=store, suite=suite, repeats=0)
    assert some.ungrounded == every.ungrounded
    assert [some.pooled.n_real, some.pooled.n_generated] == pytest.approx(list(10 - counts))
    head = load(tmp_path / "some", Suite.load(suite))
    assert head.options.ungrounded == "left-out"
    assert head.thresholds.n_real + head.thresholds.n_generated == 20 - 4


def test_another_checkpoint_is_compared_on_the_same_pictures(heads: Path, store: Path, suite: Path) -> None:
    tidy, item = heads / "tidy.safetensors", heads / "item.safetensors"
    found = evaluate(tidy, evidence=store, suite=suite, against=item, repeats=50).against
    assert found is not None
    assert (found.first, found.second, found.n_real, found.n_generated) == (str(tidy), str(item), 10, 10)
    theirs = evaluate(item, evidence=store, suite=suite, repeats=0)
    assert found.rows["pooled"]["auc"].second == pytest.approx(theirs.pooled.auc)
    assert found.rows["gradient"]["nll"].second == pytest.approx(theirs.generators["gradient"].nll)
    panel = evaluate(heads / "panel.safetensors", evidence=store, suite=suite, against=heads / "sare.safetensors")
    assert panel.against is not None
    assert panel.against.n_generated == 10


def test_evidence_of_other_pictures_cannot_be_compared(
    heads: Path, store: Path, pictures: Path, suite: Path, tmp_path: Path
) -> None:
    item = extract("item", data=f"folder:{pictures / 'test'}", out=tmp_path / "a", suite=suite, perturb="noise:0.1")
    tidy = extract("tidy", data=f"folder:{pictures}", out=tmp_path / "b", suite=suite)
    files = heads / "tidy.safetensors", heads / "item.safetensors"
    with pytest.raises(
        DataError, match=r"tidy\.safetensors and .*item\.safetensors have evidence of no picture in common"
    ):
        # a folder by itself names no split: the hash gives one, so ask for what both have
        evaluate(files[0], evidence=[tidy, item], suite=suite, against=files[1], split=_common(item))


def _common(folder: Path) -> str:
    from unprompt.workflows.data.splits import assigned_split

    splits = [assigned_split(row) for row in Store(folder).read_samples().to_pylist() if row["label"] is not None]
    return max(set(splits), key=splits.count)


def test_perturbations_are_extracted_once_and_measured(
    heads: Path, own: Path, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, grid = heads / "tidy.safetensors", ["flip:3", "jpeg:50,blur:1"]
    table = evaluate(checkpoint, evidence=own, suite=suite, robustness=grid, repeats=20)
    assert list(table.perturbed) == grid
    for name, changed in table.perturbed.items():
        assert (changed.pooled.n_real, changed.pooled.n_generated, changed.pooled.n_failed) == (10, 10, 1)
        assert changed.settings["perturbation"] == name
        assert changed.threshold == table.threshold
        assert changed.bounds == table.bounds
    stored = Store(own / "perturbed" / "jpeg-50+blur-1")
    for row in stored.read_samples().to_pylist():
        assert (row["split"], row["perturbation"]) == ("test", "jpeg:50,blur:1")
        if row["status"] == "ok":
            picture = read(Path(row["uri"]), row["uri"])
            changed = perturbed(picture, Chain.parse("jpeg:50,blur:1"))
            assert (row["pixels"], row["original"]) == (hash_pixels(changed.rgb), picture.pixels)

    def refuse(*args: object) -> None:
        raise AssertionError("the captioner was asked again")

    monkeypatch.setattr(BlipCaptioner, "captions", refuse)
    again = evaluate(checkpoint, evidence=own, suite=suite, robustness=grid, repeats=20)
    assert again == table
    item = evaluate(heads / "item.safetensors", evidence=own, suite=suite, robustness=grid[:1], repeats=20)
    assert list(item.perturbed) == grid[:1]  # tidy's products serve item


def test_a_panel_after_a_perturbation(heads: Path, own: Path, suite: Path) -> None:
    table = evaluate(heads / "panel.safetensors", evidence=own, suite=suite, robustness=["scale:0.75"], repeats=0)
    assert table.perturbed["scale:0.75"].pooled.n_real == 10


def test_results_are_written_in_every_form(heads: Path, own: Path, suite: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"results.{suffix}" for suffix in ("parquet", "json", "md", "html", "tex")]
    table = evaluate(
        heads / "tidy.safetensors",
        evidence=own,
        suite=suite,
        robustness=["flip:3"],
        against=heads / "item.safetensors",
        out=files,
        repeats=20,
    )
    rows = pq.read_table(files[0]).to_pylist()
    told = json.loads(files[1].read_text())
    assert told["results"] == rows
    assert told["comparison"]["rows"]["pooled"]["auc"]["first"] == table.pooled.auc
    (auc,) = [row for row in rows if (row["perturbation"], row["generator"], row["metric"]) == ("", "pooled", "auc")]
    assert (auc["value"], auc["low"]) == (table.pooled.auc, table.intervals["pooled"]["auc"].low)
    assert {row["perturbation"] for row in rows} == {"", "flip:3"}
    assert json.loads(auc["settings"])["bootstrap"]["repeats"] == 20
    for file in files[2:]:
        assert f"{table.pooled.auc:.3f}" in file.read_text(encoding="utf-8")


def test_wrong_options_are_refused_before_any_work(heads: Path, store: Path, suite: Path, tmp_path: Path) -> None:
    tidy = heads / "tidy.safetensors"
    with pytest.raises(OptionError, match=r"--out is .*results\.csv, expected a name that ends in \.parquet"):
        evaluate(tidy, evidence=store, suite=suite, out=[tmp_path / "results.csv"])
    with pytest.raises(OptionError, match="--robustness names 'all', expected one of sare"):
        evaluate(tidy, evidence=store, suite=suite, robustness=["all"])
    with pytest.raises(OptionError, match="--pair is 'ldm', expected GENERATOR=COLLECTION"):
        evaluate(tidy, evidence=store, suite=suite, pair=["ldm"])
    with pytest.raises(DataError, match="gradient is paired with the reals of 'laion', there are none"):
        evaluate(tidy, evidence=store, suite=suite, pair=["gradient=laion"])


@pytest.mark.parametrize("calibration", ["isotonic", "temperature"])
def test_a_head_keeps_the_calibration_that_was_asked_for(
    calibration: str, store: Path, suite: Path, tmp_path: Path
) -> None:
    path = train(
        "tidy",
        evidence=store,
        out=tmp_path / "tidy.safetensors",
        suite=suite,
        options=SMALL,
        fpr=0.1,
        fnr=0.1,
        calibration=calibration,
        band="conformal",
    )
    head = load(path, Suite.load(suite))
    assert head.calibration is not None
    assert head.thresholds is not None
    assert head.calibration.kind == calibration
    assert head.thresholds.conformal
    table = evaluate(path, evidence=store, suite=suite, repeats=0)
    assert table.settings["calibration"] == calibration
    assert np.isfinite(table.pooled.nll)
    assert table.bounds is not None
    assert table.bounds.conformal


def test_unknown_maps_and_bands_and_too_few_pictures_are_refused(store: Path, suite: Path, tmp_path: Path) -> None:
    options = {"evidence": store, "out": tmp_path / "tidy.safetensors", "suite": suite, "options": SMALL}
    with pytest.raises(OptionError, match="--calibration is 'beta', expected platt, isotonic or temperature"):
        train("tidy", **options, calibration="beta")
    with pytest.raises(OptionError, match="--band is 'wide', expected empirical or conformal"):
        train("tidy", **options, band="wide")
    with pytest.raises(OptionError, match=r"fpr 0\.05 needs 19 real validation pictures or more, got 10"):
        train("tidy", **options, band="conformal")

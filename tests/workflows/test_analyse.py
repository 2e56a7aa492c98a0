"""Analyse: each figure's numbers from stored evidence, against what the stores and the instruments say themselves."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from unprompt.detectors import load
from unprompt.errors import DataError, OptionError, StoreError
from unprompt.evaluation import roc_auc
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.store import Store
from unprompt.workflows.analyse import analyse
from unprompt.workflows.data.labelled import joined, stores
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract


def numbers(files: list[Path]) -> list[dict[str, object]]:
    return pq.read_table(files[0]).to_pylist()


def test_shift_measures_both_reconstructions_of_the_same_pictures(
    own: Path, suite: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = analyse("shift", evidence=own, suite=suite, out=tmp_path, suffix=["svg"])
    rows = {row["condition"]: row for row in numbers(files)}
    assert {(row["n_real"], row["n_generated"], row["generator"]) for row in rows.values()} == {(10, 10, "gradient")}
    loaded = Suite.load(suite).of("sare")
    distances: dict[tuple[str, int], list[float]] = {}
    for row in Store(own).read_samples().to_pylist():
        if row["split"] == "test" and row["status"] == "ok":
            picture = read(Path(row["uri"]), row["uri"])
            for condition, text in (
                ("with caption", loaded.captioner.captions([picture.rgb])[0].text),
                ("without caption", ""),
            ):
                drawn = loaded.diffusion.reconstruct([picture.rgb], [text], [picture.seed])
                found = loaded.perceptual.distances([loaded.diffusion.prepare(picture.rgb)], drawn)
                distances.setdefault((condition, row["label"]), []).append(float(found[0]))
    for condition, row in rows.items():
        delta = np.mean(distances[condition, 0]) - np.mean(distances[condition, 1])
        assert row["delta"] == pytest.approx(delta, abs=2e-3)
        assert row["real"] == pytest.approx(np.mean(distances[condition, 0]), abs=2e-3)
    assert any("without the caption, shard 1 of" in line for line in caplog.messages)
    caplog.clear()
    again = analyse("shift", evidence=own, suite=suite, out=tmp_path / "again", suffix=["svg"])
    assert numbers(again) == numbers(files)
    assert not any("without the caption" in line for line in caplog.messages)
    assert Store(own).read_view("sare").options == {"guided": True}  # the method's own evidence stays
    (guided,) = numbers(analyse("gap", evidence=own, suite=suite, out=tmp_path / "gap", suffix=["svg"]))
    assert guided == rows["with caption"]


def test_alignment_is_the_cosine_of_stored_embeddings(store: Path, suite: Path, tmp_path: Path) -> None:
    files = analyse("alignment", evidence=store, suite=suite, out=tmp_path, suffix=["svg"])
    rows = numbers(files)
    head = _untrained("item", suite)
    found = joined(stores(store), head, head.suite, "test")
    expected = [
        float(one.image @ one.text / np.linalg.norm(one.image) / np.linalg.norm(one.text)) for one in found.evidence
    ]
    for label in (0, 1):
        ours = sorted(row["cosine"] for row in rows if row["label"] == label)
        theirs = sorted(one for one, truth in zip(expected, found.labels, strict=True) if truth == label)
        assert ours == pytest.approx(theirs, abs=1e-5)


def _untrained(method: str, suite: Path):
    from unprompt.detectors import METHODS

    return METHODS[method](Suite.load(suite))


def test_consistency_without_evidence_of_dire_tells_regenerations_alone(
    store: Path, suite: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = numbers(analyse("consistency", evidence=store, suite=suite, out=tmp_path, suffix=["svg"]))
    assert {row["kind"] for row in rows} == {"regeneration"}  # SARE's reconstructions know the caption: not DIRE's
    assert any(line.startswith("consistency: no evidence of dire") for line in caplog.messages)


def test_consistency_tells_regenerations_and_dires_reconstructions(
    store: Path, pictures: Path, suite: Path, tmp_path: Path
) -> None:
    dire = extract("dire", data=f"folder:{pictures}", out=tmp_path / "dire", suite=suite)
    files = analyse("consistency", evidence=[store, dire], suite=suite, out=tmp_path / "figure", suffix=["svg"])
    rows = numbers(files)
    assert {(row["label"], row["kind"], row["n"]) for row in rows} == {
        (label, kind, 10) for label in (0, 1) for kind in ("regeneration", "reconstruction")
    }
    head, own = _untrained("dire", suite), Suite.load(suite).of("semgir")
    found = joined(stores(dire), head, head.suite, "test")
    for label in (0, 1):
        chosen = [one for one, truth in zip(found.evidence, found.labels, strict=True) if truth == label]
        paths = [Path(row["uri"]) for row in Store(dire).read_samples().to_pylist() if row["split"] == "test"]
        shown = [
            read(path, str(path)).rgb
            for path in paths
            if (path.parent.name != "real") == label and path.suffix == ".png"
        ]
        texts = own.encoder.embed_texts([one.text for one in own.captioner.captions(shown)])
        errors = [np.mean((one.picture.astype(float) - one.reconstruction) ** 2) for one in chosen]
        drawn = own.encoder.embed_pictures([one.reconstruction for one in chosen])
        scores = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in zip(drawn, texts, strict=True)]
        row = next(one for one in rows if (one["label"], one["kind"]) == (label, "reconstruction"))
        assert row["psnr"] == pytest.approx(np.mean([10 * np.log10(255**2 / one) for one in errors]))
        assert row["score"] == pytest.approx(np.mean(scores), abs=1e-4)


def test_tsne_places_what_a_head_looks_at(store: Path, heads: Path, suite: Path, tmp_path: Path) -> None:
    files = analyse("tsne", evidence=store, suite=suite, out=tmp_path, method="tidy", pictures=12, suffix=["svg"])
    assert len(numbers(files)) == 12
    assert "n = 12, perplexity 3.67" in files[2].read_text()
    trained = analyse(
        "tsne", evidence=store, suite=suite, out=tmp_path / "b", checkpoint=[heads / "tidy.safetensors"], suffix=["svg"]
    )
    assert len(numbers(trained)) == 20
    of_pictures = analyse(
        "tsne", evidence=store, suite=suite, out=tmp_path / "c", checkpoint=[heads / "sare.safetensors"], suffix=["svg"]
    )
    assert {row["condition"] for row in numbers(of_pictures)} == {"sare"}  # which takes pictures: its last layer's
    with pytest.raises(
        DataError, match=r"tsne\.csv has no column 'real', expected the numbers that the figure gap was"
    ):
        analyse("gap", numbers=of_pictures[1], out=tmp_path / "d")
    with pytest.raises(OptionError, match="--checkpoint is given 2 times, expected one head for t-SNE"):
        analyse("tsne", evidence=store, suite=suite, out=tmp_path, checkpoint=[heads / "sare.safetensors"] * 2)
    with pytest.raises(OptionError, match="--method is 'sare', expected one of item, tidy, clip-probe"):
        analyse("tsne", evidence=store, suite=suite, out=tmp_path, method="sare")


def test_curves_are_those_of_evaluate(store: Path, heads: Path, suite: Path, tmp_path: Path) -> None:
    one, other = heads / "tidy.safetensors", heads / "item.safetensors"
    rows = numbers(analyse("roc", evidence=store, suite=suite, out=tmp_path, checkpoint=[one, other], suffix=["svg"]))
    for path in (one, other):
        table = evaluate(path, evidence=store, suite=suite, repeats=0)
        row = next(row for row in rows if str(row["line"]).startswith(f"{path.stem}, n = 10 + 10"))
        assert row["auc"] == pytest.approx(table.pooled.auc)
        (tmp_path / path.stem).mkdir()
        bins = numbers(
            analyse(
                "reliability", evidence=store, suite=suite, out=tmp_path / path.stem, checkpoint=[path], suffix=["svg"]
            )
        )
        assert bins[0]["ece"] == pytest.approx(table.pooled.ece)
        assert sum(row["n"] for row in bins) == 20
    detector = load(one, Suite.load(suite))
    found = joined(stores(store), detector, detector.suite, "test")
    assert roc_auc(found.labels, detector.logits(found.evidence)) == pytest.approx(
        evaluate(one, evidence=store, suite=suite, repeats=0).pooled.auc
    )
    drawn = analyse("det", evidence=store, suite=suite, out=tmp_path, checkpoint=[one], suffix=["svg"])
    assert ET.parse(drawn[2]).getroot() is not None


def test_robustness_is_read_from_results(own: Path, heads: Path, suite: Path, tmp_path: Path) -> None:
    files = [tmp_path / "r.parquet", tmp_path / "r.json"]
    table = evaluate(
        *(heads / "tidy.safetensors",),
        evidence=own,
        suite=suite,
        robustness=["jpeg:50", "flip:3"],
        repeats=10,
        out=files,
    )
    for path in files:
        rows = numbers(analyse("robustness", results=[path], out=tmp_path, metric="ap", suffix=["svg"]))
        assert {(row["kind"], row["at"]): row["value"] for row in rows} == {
            ("", None): table.macro.ap,
            ("jpeg", 50): table.perturbed["jpeg:50"].macro.ap,
            ("flip", 3): table.perturbed["flip:3"].macro.ap,
        }


def test_a_figure_is_drawn_again_from_its_numbers(store: Path, suite: Path, tmp_path: Path) -> None:
    first = analyse("alignment", evidence=store, suite=suite, out=tmp_path / "a", suffix=["svg"])
    again = analyse("alignment", numbers=first[1], out=tmp_path / "b")
    assert again[2].read_bytes() == first[2].read_bytes()
    assert again[3].suffix == ".pdf"


def test_what_is_missing_is_told(store: Path, suite: Path, heads: Path, tmp_path: Path) -> None:
    for asked, told in (
        (("graph", {}), "got the figure 'graph', expected one of shift, gap, alignment"),
        (("roc", {}), "--evidence is missing, expected a folder that extract wrote: roc is drawn from it"),
        (("roc", {"evidence": store}), "--checkpoint is missing, expected one file or several"),
        (("robustness", {}), "--results is missing, expected a .parquet or .json"),
        (("alignment", {"evidence": store, "method": "sare"}), "--method is 'sare', expected one of tidy, item"),
        (("tsne", {"evidence": store, "pictures": 0}), "--pictures is 0, expected 1 or more"),
    ):
        with pytest.raises(OptionError, match=told):
            analyse(asked[0], out=tmp_path, suite=suite, **asked[1])
    with pytest.raises(StoreError, match="holds no evidence of 'tidy'"):
        analyse("alignment", evidence=tmp_path / "empty", suite=suite, out=tmp_path)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DataError, match=r"bad\.json holds no results"):
        analyse("robustness", results=[tmp_path / "bad.json"], out=tmp_path)
    assert not list(tmp_path.glob("*.svg"))

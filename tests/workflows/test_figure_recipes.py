"""Recipes of figures: from a benchmark's tree to a drawing, its numbers and the answers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from unprompt.errors import OptionError
from unprompt.workflows.laboratory import cells
from unprompt.workflows.planning.dry_run import DryRun
from unprompt.workflows.reproduce import Reproduction, reproduce

from .benchmark_trees import GENIMAGE as INNER
from .benchmark_trees import genimage_tree, paint

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def genimage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("genimage") / "root"
    genimage_tree(root, [name for name in INNER if name in ("ADM", "VQDM")], [], pictures=3)
    return root


def test_table3_of_semgir_is_drawn_and_answered(genimage: Path, tmp_path: Path) -> None:
    where = {"data": f"genimage:{genimage}", "suite": "fake", "store": tmp_path / "store"}
    found = reproduce("semgir/table3", out=tmp_path / "out", **where)
    assert isinstance(found, Reproduction)
    assert [one.metric for one in found.claims] == ["score", "psnr"]
    assert all(one.answer in ("holds", "does not hold", "undecided") for one in found.claims)
    assert {one.n_generated for one in found.claims} == {6}
    assert found.absent == ("SDv1.5", "SDv2.1", "Midjourney", "StyleGAN2")
    names = {path.name for path in found.files}
    assert names >= {"consistency.parquet", "consistency.csv", "consistency.svg", "consistency.pdf", "claims.json"}
    assert "table.md" in names
    assert all(path.is_file() for path in found.files)
    claims = json.loads((tmp_path / "out" / "claims.json").read_text())["claims"]
    assert [one["says"] for one in claims] == [one.says for one in found.claims]


def test_evidence_is_shared_with_tables_and_made_once(
    genimage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"data": f"genimage:{genimage}", "suite": "fake", "store": tmp_path / "store"}
    monkeypatch.setattr(cells, "train", None)  # nothing is learned
    first = reproduce("tidy/figure1", out=tmp_path / "first", **where)
    assert isinstance(first, Reproduction)
    assert (first.claims[0].n_real, first.claims[0].n_generated) == (6, 6)
    made = {path: path.read_bytes() for path in (tmp_path / "store").rglob("part-*.parquet")}
    again = reproduce("tidy/figure1", out=tmp_path / "again", **where)
    assert isinstance(again, Reproduction)
    assert again.claims == first.claims
    assert {path: path.read_bytes() for path in (tmp_path / "store").rglob("part-*.parquet")} == made


def test_a_drawing_without_a_claim_has_no_table(genimage: Path, tmp_path: Path) -> None:
    found = reproduce(
        "tidy/figure9", data=f"genimage:{genimage}", suite="fake", store=tmp_path / "store", out=tmp_path / "out"
    )
    assert isinstance(found, Reproduction)
    assert (found.claims, found.tables) == ((), ())
    assert {path.name for path in found.files} == {
        *(f"tsne.{suffix}" for suffix in ("parquet", "csv", "svg", "pdf")),
        "claims.json",
    }


def test_trained_heads_are_shown_side_by_side(tmp_path: Path) -> None:
    """ITEM's figure 9: of baselines that take pictures, what the last layer of their trained networks takes."""
    root = genimage_tree(tmp_path / "root", ["ADM"], ["ADM"], pictures=3)
    where = {"data": f"genimage:{root}", "suite": "fake", "store": tmp_path / "store", "train_on": ["ADM"]}
    found = reproduce("item/figure9", out=tmp_path / "out", options={"epochs": 1, "crop": 28, "resize": 32}, **where)
    assert isinstance(found, Reproduction)
    rows = pq.read_table(tmp_path / "out" / "tsne.parquet").to_pylist()
    assert Counter(row["condition"] for row in rows) == dict.fromkeys(("CNNDet", "DIRE", "UniFD", "ITEM"), 6)
    (place,) = (tmp_path / "store").glob("*/heads")
    assert len(list(place.glob("*.safetensors"))) == 4
    dry = reproduce("item/figure9", dry_run=True, **{**where, "store": tmp_path / "other"})
    assert isinstance(dry, DryRun)
    assert (dry.learned, dry.problems) == (("ADM",), ())


def test_each_perturbation_is_a_condition(genimage: Path, tmp_path: Path) -> None:
    where = {"data": f"genimage:{genimage}", "suite": "fake", "store": tmp_path / "store"}
    found = reproduce("sare/figure16", out=tmp_path / "out", **where)
    assert isinstance(found, Reproduction)
    rows = {(row["condition"], row["generator"]): row for row in pq.read_table(found.files[0]).to_pylist()}
    assert {name for name, _ in rows} == {"SARE", "SARE, flip:3", "SARE, flip:6"}
    assert rows["SARE", "ADM"]["real"] != rows["SARE, flip:3", "ADM"]["real"] != rows["SARE, flip:6", "ADM"]["real"]
    assert {(row["n_real"], row["n_generated"]) for row in rows.values()} == {(3, 3)}
    mean = np.mean([rows["SARE, flip:6", name]["delta"] for name in ("ADM", "VQDM")])
    assert found.claims[1].difference == pytest.approx(mean)


def test_a_printed_number_stands_under_ours(genimage: Path, tmp_path: Path) -> None:
    """SARE's figure 7; the suite fake has one captioner, whose captions a row may cut."""
    where = {"data": f"genimage:{genimage}", "suite": "fake", "store": tmp_path / "store"}
    found = reproduce("sare/figure7", out=tmp_path / "out", **where)
    assert isinstance(found, Reproduction)
    assert list(found.left_out) == ["LLaVA-NeXT"]
    assert [one.answer for one in found.claims[1:3]] == ["not run", "not run"]
    assert {one.reason for one in found.claims[1:3]} == {found.left_out["LLaVA-NeXT"]}
    ours, other, blip, llava = found.tables[0].rows
    assert found.tables[0].header == ("condition", "SDv1.4", "SDv1.5", "ADM", "BigGAN", "GLIDE", "MJ", "VQDM", "Wukong")
    row = next(one for one in pq.read_table(found.files[0]).to_pylist() if one["generator"] == "ADM")
    assert (ours[0], ours[1], ours[3].split()[0]) == ("BLIP, ours", "\N{EN DASH}", signed(row["delta"]))
    assert (other[0], blip[3], llava[3]) == ("one object, ours", "+0.065", "+0.062")


def signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")


def test_the_model_that_reconstructs_is_told_from_others(tmp_path: Path) -> None:
    """SARE's figure 2, whose claims ask about out of distribution."""
    lines = ["path,label,generator,split"]
    for name in ("scenes", "diffusion", "flow"):
        for number in range(3):
            paint(tmp_path / f"{name}-{number}.png", name != "scenes")
            lines.append(f"{tmp_path / f'{name}-{number}.png'},{int(name != 'scenes')},{name},test")
    (tmp_path / "own.csv").write_text("\n".join(lines))
    where = {"data": f"manifest:{tmp_path / 'own.csv'}", "suite": "fake", "store": tmp_path / "store"}
    found = reproduce("sare/figure2", out=tmp_path / "out", **where)
    assert isinstance(found, Reproduction)
    delta = {(row["own"], row["condition"]): row["delta"] for row in pq.read_table(found.files[0]).to_pylist()}
    own, other = delta[1, "without caption"], delta[0, "without caption"]
    told = [one.difference for one in found.claims]
    assert told == pytest.approx([own, own - other, -other, delta[0, "with caption"]])


def test_a_dry_run_prices_evidence_and_no_training(genimage: Path, tmp_path: Path) -> None:
    found = reproduce("tidy/figure1", data=f"genimage:{genimage}", suite="fake", store=tmp_path / "store", dry_run=True)
    assert isinstance(found, DryRun)
    assert (found.problems, found.learned, found.train_hours) == ((), (), 0.0)
    assert found.seconds is not None
    assert found.pictures == 12


def test_what_a_figure_has_no_use_for_is_refused(genimage: Path) -> None:
    with pytest.raises(OptionError, match="--train-on is foo, but tidy/figure1 is a figure, for which nothing is"):
        reproduce("tidy/figure1", data=f"genimage:{genimage}", suite="fake", train_on=["foo"])
    with pytest.raises(OptionError, match="--seeds is 2, but item/figure9 is a figure, which shows one training"):
        reproduce("item/figure9", data=f"genimage:{genimage}", suite="fake", seeds=2)
    with pytest.raises(OptionError, match="no suite 'nope'"):
        reproduce(listed=True, suite="nope")

"""Recipes of figures: from a benchmark's tree to a drawing, its numbers and the answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unprompt.errors import OptionError
from unprompt.workflows.laboratory import cells
from unprompt.workflows.planning.dry_run import DryRun
from unprompt.workflows.reproduce import Reproduction, reproduce

from .benchmark_trees import GENIMAGE as INNER
from .benchmark_trees import genimage_tree

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
        "item/figure9", data=f"genimage:{genimage}", suite="fake", store=tmp_path / "store", out=tmp_path / "out"
    )
    assert isinstance(found, Reproduction)
    assert (found.claims, found.tables) == ((), ())
    assert {path.name for path in found.files} == {
        *(f"tsne.{suffix}" for suffix in ("parquet", "csv", "svg", "pdf")),
        "claims.json",
    }


def test_a_dry_run_prices_evidence_and_no_training(genimage: Path, tmp_path: Path) -> None:
    found = reproduce("tidy/figure1", data=f"genimage:{genimage}", suite="fake", store=tmp_path / "store", dry_run=True)
    assert isinstance(found, DryRun)
    assert (found.problems, found.learned, found.train_hours) == ((), (), 0.0)
    assert found.seconds is not None
    assert found.pictures == 12


def test_what_a_figure_has_no_use_for_is_refused(genimage: Path) -> None:
    with pytest.raises(OptionError, match="--train-on is foo, but tidy/figure1 is a figure, for which nothing is"):
        reproduce("tidy/figure1", data=f"genimage:{genimage}", suite="fake", train_on=["foo"])
    with pytest.raises(OptionError, match="no suite 'nope'"):
        reproduce(listed=True, suite="nope")

"""Rows that learn from numbers of pictures of their own: which they take, and that their heads are not mixed up."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from unprompt.errors import DataError, MissingExtra
from unprompt.evaluation import TableRecipe
from unprompt.workflows.planning.dry_run import DryRun
from unprompt.workflows.planning.recipe_files import recipe, recipes
from unprompt.workflows.planning.recipes import Learned, select
from unprompt.workflows.reproduce import Reproduction, reproduce

from .benchmark_trees import painted_list

pytestmark = pytest.mark.usefixtures("own_cache")

RECIPE = """
title = "Few"
loader = "folder"
metrics = ["auc"]
axis = "pictures"
columns = [{ heading = "painted", generator = "painted" }]

[train]
generators = ["painted"]
pictures = 6
stand_in = ["painted"]

[[rows]]
name = "UnivFD, two"
method = "univfd"
pictures = 2

[[rows]]
name = "UnivFD, four"
method = "univfd"
pictures = 4

[[rows]]
name = "UnivFD, as there"
method = "univfd"

[[claims]]
says = "Four are better than two"
metric = "auc"
plus = [{ row = "UnivFD, four" }]
minus = [{ row = "UnivFD, two" }]
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Five of each class to learn from, where the recipe's own rows ask for six."""
    return painted_list(tmp_path_factory.mktemp("pictures"), {"train": 5, "validation": 2, "test": 3})


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "few.toml"
    path.write_text(RECIPE)
    return str(path)


def test_a_smaller_rows_pictures_are_among_a_larger_ones(few: str, pictures: str) -> None:
    made = recipe(few)
    found = select(made, [pictures])
    two, four, whole = (found.subset(row) for row in made.rows)
    assert two < four < whole
    assert [found.number_learned(row) for row in made.rows] == [4, 8, 10]
    assert {found.learned_by(row) for row in made.rows} == {("painted",)}
    tested = {one.uri for one in found.samples if one.split != "train"}
    assert len(tested) == 10
    assert all(tested < own for own in (two, four, whole))


def test_fewer_pictures_than_asked_for_are_told(few: str, pictures: str) -> None:
    told = "5 pictures by painted to learn from, where the recipe asks for 6"
    assert select(recipe(few), [pictures]).short == (told,)
    assert select(recipe(few), [pictures], pictures=3).short == ()  # by the user's word


def test_a_row_that_cannot_have_its_pictures_is_left_out(pictures: str, tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text(RECIPE.replace("pictures = 4", "pictures = 7"))
    shared = {"data": pictures, "suite": "fake", "store": tmp_path / "store", "options": {"epochs": 1}, "repeats": 20}
    found = reproduce(str(tmp_path / "more.toml"), **shared, out=tmp_path / "out", max_minutes=None)
    why = "it learns from 7 pictures of each class, and there are 5"
    assert dict(found.left_out) == {"UnivFD, four": why}
    assert [(one.answer, one.reason) for one in found.claims] == [("not run", why)]


def test_another_generators_pictures_are_counted_alike(few: str, pictures: str) -> None:
    found = select(recipe(few), [pictures], train=["painted"])
    assert list(found.sets) == [Learned(("painted",), 6), Learned(("painted",), 2), Learned(("painted",), 4)]


def test_each_number_has_a_head_of_its_own(
    few: str, pictures: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shared = {"data": pictures, "suite": "fake", "store": tmp_path / "store", "options": {"epochs": 1}, "repeats": 20}
    plan = reproduce(few, **shared, dry_run=True)
    assert isinstance(plan, DryRun)
    assert not plan.problems
    caplog.set_level(logging.INFO, "unprompt")
    found = reproduce(few, **shared, out=tmp_path / "out", max_minutes=None)
    assert isinstance(found, Reproduction)
    assert len(list((tmp_path / "store").glob("*/heads/*.safetensors"))) == 3
    assert "few: 5 pictures by painted to learn from, where the recipe asks for 6" in caplog.messages
    assert {row.method for row in found.rows} == {"univfd"}
    curves = pq.read_table(tmp_path / "out" / "curves.parquet").to_pylist()
    assert [(one["line"], one["at"], one["axis"]) for one in curves] == [
        ("UnivFD", at, "pictures") for at in ("two", "four", "as there")
    ]
    means = [row.value for row in found.rows if (row.generator, row.metric) == ("macro", "auc")]
    assert [one["value"] for one in curves] == means
    drawn = (tmp_path / "out" / "curves.svg").read_text()
    assert all(word in drawn for word in ("UnivFD", "two", "four", "as there", "pictures", "AUC"))
    assert tmp_path / "out" / "curves.svg" in found.files
    caplog.clear()
    again = reproduce(few, **shared, out=tmp_path / "out", max_minutes=None)
    assert again.rows == found.rows
    assert not [one for one in caplog.messages if "training" in one]


def test_a_table_without_the_extra_for_plots_is_whole_but_its_figure(
    few: str, pictures: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise MissingExtra("pip install 'unprompt[plots]'")

    monkeypatch.setattr("unprompt.workflows.laboratory.figure.write_figure", refused)
    shared = {"data": pictures, "suite": "fake", "store": tmp_path / "store", "options": {"epochs": 1}, "repeats": 20}
    found = reproduce(few, **shared, out=tmp_path / "out", max_minutes=None)
    assert (tmp_path / "out" / "claims.json").is_file()
    assert not [path for path in found.files if path.stem == "curves"]
    assert "few is without its figure: pip install 'unprompt[plots]'" in caplog.messages


def test_rows_of_a_table_with_an_axis_say_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "few.toml"
    path.write_text(RECIPE.replace("UnivFD, two", "two"))
    with pytest.raises(DataError, match="a row is named 'two', where a table with an axis has LINE, LEVEL"):
        recipe(str(path))


def test_our_own_curves_go_up_by_rows_of_one_method() -> None:
    made = recipe("beyond/few-shot")
    assert isinstance(made, TableRecipe)
    counts: dict[str, list[int | None]] = {}
    for row in made.rows:
        counts.setdefault(row.method, []).append(row.pictures)
        assert row.name.endswith(f", {row.pictures}")
    assert set(map(tuple, counts.values())) == {(10, 30, 100, 300, 1000)}
    assert made.train.pictures == 1000
    assert [name for name in recipes() if name.startswith("beyond/")] == [
        "beyond/few-shot",
        "beyond/knob",
        "beyond/nested",
    ]

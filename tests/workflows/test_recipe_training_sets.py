"""Rows that learn from pictures of their own: which they take, and that their heads are not mixed up."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from unprompt.errors import DataError, MissingExtra
from unprompt.evaluation import TableRecipe
from unprompt.types import SPLITS
from unprompt.workflows.laboratory import cells
from unprompt.workflows.planning.dry_run import DryRun
from unprompt.workflows.planning.recipe_files import recipe, recipes
from unprompt.workflows.planning.recipes import Learned, select
from unprompt.workflows.reproduce import Reproduction, reproduce

from .benchmark_trees import paint, painted_list
from .test_stacks import RECIPE as STACKS

pytestmark = pytest.mark.usefixtures("own_cache")

FAKE = {"suite": "fake", "options": {"epochs": 1}, "repeats": 20, "max_minutes": None}
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
    shared = {"data": pictures, "store": tmp_path / "store", **FAKE}
    found = reproduce(str(tmp_path / "more.toml"), **shared, out=tmp_path / "out")
    why = "it learns from 7 pictures of each class, and there are 5"
    assert dict(found.left_out) == {"UnivFD, four": why}
    assert [(one.answer, one.reason) for one in found.claims] == [("not run", why)]


def test_another_generators_pictures_are_counted_alike(few: str, pictures: str) -> None:
    found = select(recipe(few), [pictures], train=["painted"])
    assert list(found.sets) == [Learned(("painted",), 6), Learned(("painted",), 2), Learned(("painted",), 4)]


def test_each_number_has_a_head_of_its_own(
    few: str, pictures: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shared = {"data": pictures, "store": tmp_path / "store", **FAKE}
    plan = reproduce(few, **shared, dry_run=True)
    assert isinstance(plan, DryRun)
    assert not plan.problems
    caplog.set_level(logging.INFO, "unprompt")
    found = reproduce(few, **shared, out=tmp_path / "out")
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
    again = reproduce(few, **shared, out=tmp_path / "out")
    assert again.rows == found.rows
    assert not [one for one in caplog.messages if "training" in one]


def test_a_table_without_the_extra_for_plots_is_whole_but_its_figure(
    few: str, pictures: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise MissingExtra("pip install 'unprompt[plots]'")

    monkeypatch.setattr("unprompt.workflows.laboratory.figure.write_figure", refused)
    shared = {"data": pictures, "store": tmp_path / "store", **FAKE}
    found = reproduce(few, **shared, out=tmp_path / "out")
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
        "beyond/leave-one-out",
        "beyond/nested",
        "beyond/objects",
        "beyond/open-set",
        "beyond/promise",
    ]


SEEN = STACKS.replace('generators = ["painted"]', 'generators = ["every column"]')
LEFT_OUT = f"""{SEEN}
[[rows]]
name = "energy, left out"
method = "trivial-energy"
leave_out = true

[[rows]]
name = "both, left out"
stack = ["energy", "thumbnail"]
leave_out = true
"""
TESTED = ("new", "one", "two")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of an index: six pictures of each origin in each split, of a new one to test on alone."""
    folder, found = tmp_path_factory.mktemp("lines"), []
    for name in ("camera", *TESTED):
        for split in ("test",) if name == "new" else SPLITS:
            for path in (folder / f"{name}-{split}-{number}.png" for number in range(6)):
                paint(path, name in ("one", "new"))
                found.append(f"{path},{int(name != 'camera')},{name},{split}")
    return found


def kept(lines: list[str], without: str) -> list[str]:
    return [one for one in lines if f",{without}," not in one or one.endswith("test")]


def given(folder: Path, lines: list[str], text: str = LEFT_OUT) -> tuple[str, str]:
    (folder / "mine.toml").write_text(text)
    (folder / "list.csv").write_text("\n".join(["path,label,generator,split", *lines]))
    return str(folder / "mine.toml"), f"manifest:{folder / 'list.csv'}"


def test_a_head_has_all_pictures_but_those_of_its_column(lines: list[str], tmp_path: Path) -> None:
    path, data = given(tmp_path, lines, LEFT_OUT.replace("trivial-energy", "univfd"))
    found, row = select(recipe(path), [data]), recipe(path).rows[2]
    assert (found.problems, found.learned) == ((), ("one", "two"))
    for name in found.left_out(recipe(path).rows[-1]):
        assert found.subset(row, name) == {one.partition(",")[0] for one in kept(lines, name)}
    for one, learned in zip(reproduce(path, data=data, dry_run=True, **FAKE).rows, (18, 18, 18 + 12 + 12), strict=True):
        assert one.train_hours == pytest.approx((one.epochs or 0) * learned * one.epoch_seconds / 3600)


def test_left_out_rows_are_those_of_tables_without_the_pictures(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def values(name: str, text: str = SEEN) -> dict[tuple[str, str], float]:
        (folder := tmp_path / name).mkdir(exist_ok=True)
        path, data = given(folder, kept(lines, name), text)
        found = reproduce(path, data=data, store=folder, out=folder / "out", **FAKE)
        return {(json.loads(one.settings)["row"], one.generator): one.value for one in found.rows}

    told, both = values("all", LEFT_OUT), "both, left out"
    for name in TESTED:
        other = values(name)
        for row in ("energy", "both"):
            assert told[f"{row}, left out", name] == pytest.approx(other[row, name])
    mean = np.mean([told[both, name] for name in TESTED])
    assert told[both, "unseen"] == told[both, "macro"] == pytest.approx(mean) != told["both", "macro"]
    assert len(list(tmp_path.glob("all/*/heads/*"))) == 6  # two methods: of all, and without either
    monkeypatch.setattr(cells, "extract", None)
    assert values("all", LEFT_OUT) == told


def test_what_cannot_be_left_out_is_told(lines: list[str], tmp_path: Path) -> None:
    path, data = given(tmp_path, kept(lines, "two"))
    with pytest.raises(DataError, match="one alone has pictures to learn from"):
        reproduce(path, data=data, **FAKE)
    path, data = given(tmp_path, [one.replace("two,train", "two,") for one in lines])
    assert select(recipe(path), [data]).problems[0].startswith("pictures by two are in no split")
    path, _ = given(tmp_path, lines, LEFT_OUT.replace('stack = ["energy"', 'stack = ["energy, left out"'))
    with pytest.raises(DataError, match=r"stack is \['energy, left out', .*, expected some of energy, thumbnail"):
        recipe(path)

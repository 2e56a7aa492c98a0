"""Stacks of a table: several heads as one, by weights that are learned on validation pictures."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from unprompt.errors import DataError, OptionError
from unprompt.evaluation import HeadScores, fit_thresholds
from unprompt.workflows.laboratory.scoring import read_scores
from unprompt.workflows.laboratory.stacking import stacked, stacked_by_fold
from unprompt.workflows.planning.recipe_files import recipe
from unprompt.workflows.reproduce import reproduce

from .benchmark_trees import painted_list

pytestmark = pytest.mark.usefixtures("own_cache")

RECIPE = """
title = "Stacks"
loader = "folder"
metrics = ["auc"]
columns = [{ heading = "painted", generator = "painted" }]

[train]
generators = ["painted"]
stand_in = ["painted"]

[[rows]]
name = "energy"
method = "trivial-energy"

[[rows]]
name = "thumbnail"
method = "trivial-thumbnail"

[[rows]]
name = "both"
stack = ["energy", "thumbnail"]

[[claims]]
says = "Both are above one"
metric = "auc"
plus = [{ row = "both" }]
minus = [{ row = "energy" }]
"""

ONE = """
[[claims]]
says = "It is above chance"
metric = "auc"
plus = [{ row = "energy" }]
above = 50.0
"""


def scores(seed: int, count: int, strength: float) -> HeadScores:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    odds = strength * (2 * labels - 1) + rng.normal(size=count)
    probabilities = 1 / (1 + np.exp(-odds))
    makers = ["painted" if one else "painters" for one in labels]
    return HeadScores(labels.tolist(), makers, [f"{one:04}" for one in range(count)], probabilities, probabilities)


def test_weights_are_those_of_another_librarys_logistic_regression() -> None:
    held = [scores(1, 60, 0.6), scores(2, 60, 0.2)]
    asked = [scores(3, 40, 0.6), scores(4, 40, 0.2)]
    features, others = (logit(np.stack([one.probabilities for one in pair], axis=1)) for pair in (held, asked))
    centre, spread = features.mean(axis=0), features.std(axis=0)
    # its penalty is |w|^2 / 2 beside C times the sum of the pictures' losses, ours l2 / 2 |w|^2 beside their mean
    reference = LogisticRegression(C=1 / (1e-2 * 60), class_weight="balanced", tol=1e-10, max_iter=1000)
    reference.fit((features - centre) / spread, held[0].labels)
    found = stacked(held, asked)
    expected = reference.predict_proba((others - centre) / spread)[:, 1]
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    assert (found.labels, found.pixels, found.generators) == (asked[0].labels, asked[0].pixels, asked[0].generators)


def test_pictures_that_a_member_lacks_are_left_out_and_order_does_not_count() -> None:
    held, (first, second) = [scores(1, 60, 0.6), scores(2, 60, 0.2)], (scores(3, 40, 0.6), scores(4, 40, 0.2))
    turned = range(29, -1, -1)
    fewer = replace(second.subset(turned), failed=10)
    whole, found = stacked(held, [first, second]), stacked(held, [first, fewer])
    np.testing.assert_allclose(found.probabilities, whole.probabilities[:30])
    assert (found.pixels, found.failed) == (first.pixels[:30], 10)
    other = HeadScores([0, 1], ["", ""], ["x", "y"], np.array([0.25, 0.75]), np.array([0.25, 0.75]))
    with pytest.raises(DataError, match="the members of this stack have no picture in common"):
        stacked(held, [first, other])


def test_of_the_pictures_themselves_each_is_left_out_with_its_fold() -> None:
    held = [scores(1, 60, 0.6), scores(2, 60, 0.2)]
    found = stacked_by_fold(held)
    assert (found.labels, found.pixels) == (held[0].labels, held[0].pixels)
    for fold in range(5):
        own = [place for place, pixels in enumerate(found.pixels) if int(pixels, 16) % 5 == fold]
        others = [place for place in range(60) if place not in own]
        expected = stacked([one.subset(others) for one in held], [one.subset(own) for one in held])
        np.testing.assert_allclose(found.probabilities[own], expected.probabilities)


def test_a_sure_member_leaves_finite_numbers() -> None:
    sure = HeadScores([0, 1, 0, 1], [""] * 4, list("abcd"), np.array([0.0, 1, 0, 1]), np.array([0.0, 1, 0, 1]))
    found = stacked([sure, sure], [sure, sure])
    assert np.isfinite(found.probabilities).all()
    assert found.probabilities[0] < 0.1 < 0.9 < found.probabilities[1]


def test_accuracies_are_those_at_the_thresholds_of_a_promise(tmp_path: Path) -> None:
    told = RECIPE.replace('metrics = ["auc"]', 'metrics = ["real_accuracy", "fake_accuracy"]\nfpr = 0.25')
    (tmp_path / "mine.toml").write_text(told)
    data = painted_list(tmp_path / "pictures", {"train": 5, "validation": 8, "test": 12})
    store = tmp_path / "store"
    asked = {"data": data, "suite": "fake", "store": store, "out": tmp_path / "out", "repeats": 20}
    found = reproduce(str(tmp_path / "mine.toml"), **asked, max_minutes=None)

    def read(split: str) -> list[HeadScores]:
        paths = [sorted(store.glob(f"*/scores/trivial-{name}-0-*.parquet")) for name in ("energy", "thumbnail")]
        chosen = [path for several in paths for path in several if ("validation" in path.name) == (split != "test")]
        return [read_scores(path)[""] for path in chosen]

    def rates(held: HeadScores, one: HeadScores) -> dict[str, float]:
        called = one.probabilities > fit_thresholds(held.labels, held.probabilities, 0.25).upper
        generated = np.array(one.labels) == 1
        return {"real_accuracy": (~called[~generated]).mean(), "fake_accuracy": called[generated].mean()}

    held, said = read("validation"), read("test")
    expected = dict(zip(("trivial-energy", "trivial-thumbnail"), map(rates, held, said), strict=True))
    expected["panel"] = rates(stacked_by_fold(held), stacked(held, said))
    measured = {(row.method, row.metric): row.value for row in found.rows if row.generator == "painted"}
    assert {row.threshold for row in found.rows} == {None}
    assert all(json.loads(row.settings)["fpr"] == 0.25 for row in found.rows)
    assert "real accuracy in percent where 25 % of real validation pictures pass" in found.tables[0].title
    for method, numbers in expected.items():
        for metric, value in numbers.items():
            assert measured[method, metric] == pytest.approx(value), (method, metric)


def test_a_promise_that_so_few_pictures_cannot_tell_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE.replace('metrics = ["auc"]', 'metrics = ["accuracy"]\nfpr = 0.05'))
    data = painted_list(tmp_path / "pictures", {"train": 3, "validation": 3, "test": 2})
    asked: dict[str, Any] = {"data": data, "suite": "fake", "store": tmp_path / "store", "out": tmp_path / "out"}
    reproduce(str(tmp_path / "mine.toml"), **asked, repeats=5, max_minutes=None)
    assert "energy: 3 real validation pictures cannot tell a rate of 0.05: none of them may pass" in caplog.messages


def test_another_model_in_the_same_folder_has_a_head_of_its_own(tmp_path: Path, suite: Path) -> None:
    own = Path(shutil.copytree(suite, tmp_path / "suite"))
    table = RECIPE.replace("trivial-energy", "tidy").partition('[[rows]]\nname = "thumbnail"')[0]
    (tmp_path / "mine.toml").write_text(table + ONE)
    data = painted_list(tmp_path / "pictures", {"train": 4, "validation": 4, "test": 4})
    given: dict[str, Any] = {
        "data": data,
        "suite": own,
        "store": tmp_path / "store",
        "repeats": 20,
        "max_minutes": None,
    }
    reproduce(str(tmp_path / "mine.toml"), **given, out=tmp_path / "a")
    file = own / "suite.toml"
    file.write_text(file.read_text("utf-8").replace("max_new_tokens = 6", "max_new_tokens = 2"))
    reproduce(str(tmp_path / "mine.toml"), **given, out=tmp_path / "b")
    assert len(list((tmp_path / "store").glob("*/heads/tidy-0-*.safetensors"))) == 2
    with pytest.raises(OptionError, match=r"holds a run with models .*, this one has .*: name another folder"):
        reproduce(str(tmp_path / "mine.toml"), **given, out=tmp_path / "a")


def test_a_table_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE)
    data = painted_list(tmp_path / "pictures", {"train": 5, "validation": 4, "test": 4})
    shared = {"data": data, "suite": "fake", "store": tmp_path / "store", "repeats": 20}
    plan = reproduce(str(tmp_path / "mine.toml"), **shared, dry_run=True)
    assert [row.row for row in plan.rows] == ["energy", "thumbnail"]
    found = reproduce(str(tmp_path / "mine.toml"), **shared, out=tmp_path / "out", max_minutes=None)
    assert {row.method for row in found.rows} == {"trivial-energy", "trivial-thumbnail", "panel"}
    assert found.claims[0].answer in ("holds", "does not hold", "undecided")
    assert any(line[0] == "both, ours" for line in found.tables[0].rows)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('stack = ["energy", "thumbnail"]', 'stack = ["energy"]', r"both: stack is \['energy'\], expected two rows or"),
        ('"energy", "thumbnail"]', '"energy", "both"]', r"stack is \['energy', 'both'\], expected some of energy, thu"),
        ('name = "both"\n', 'name = "both"\nmethod = "npr"\n', "both: stack is .*, and no method"),
        (
            "[train]",
            'candidates = [{ heading = "p", generator = "p" }]\n[train]',
            "expected a table without candidates",
        ),
        (
            "[train]",
            'fpr = 0.05\ncandidates = [{ heading = "p", generator = "p" }]\n[train]',
            "fpr is 0.05, expected a share below 1, and none in a table with candidates",
        ),
        ('metrics = ["auc"]', 'metrics = ["accuracy"]\nfpr = 1', "fpr is 1, expected a share below 1"),
        ("[train]", "fpr = 0.05\n[train]", "fpr is 0.05, expected an accuracy among the metrics auc"),
    ],
)
def test_a_wrong_stack_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE.replace(old, new))
    with pytest.raises(DataError, match=told):
        recipe(str(tmp_path / "mine.toml"))


def test_a_stack_lacks_what_its_rows_lack() -> None:
    found = {one.name: one for one in reproduce(listed=True, suite="fake")}
    assert found["beyond/nested"].status == "runnable"

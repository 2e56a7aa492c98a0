"""The confusion matrix and its figures, against scikit-learn and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    roc_auc_score,
)

from unprompt.errors import DataError
from unprompt.evaluation import AttributionTable, evaluate_attribution
from unprompt.types import NONE_OF_THESE

CANDIDATES = ("a", "b")
random = np.random.default_rng(3)
MAKERS = [["a", "b", "flow", "old", None][i] for i in random.integers(0, 5, 200)]
PROBABILITIES = np.round(
    np.clip(random.normal([[0.45 + 0.3 * (maker == name) for name in CANDIDATES] for maker in MAKERS], 0.2), 0, 1), 2
)


@pytest.fixture(scope="module")
def table() -> AttributionTable:
    return evaluate_attribution(CANDIDATES, MAKERS, PROBABILITIES)


def answered() -> list[str]:
    told = []
    for p_a, p_b in PROBABILITIES:
        if p_a < 0.5 and p_b < 0.5:
            told.append(NONE_OF_THESE)
        else:
            told.append("a" if p_a >= p_b else "b")
    return told


def test_the_confusion_matrix_is_scikit_learns(table: AttributionTable) -> None:
    names = ["a", "b", "flow", "old", "real", NONE_OF_THESE]
    truth = [maker or "real" for maker in MAKERS]
    expected = confusion_matrix(truth, answered(), labels=names)
    assert list(table.rows) == names[:5]
    for i, name in enumerate(names[:5]):
        row = table.rows[name]
        assert [row.answers[told] for told in table.answers] == expected[i, [0, 1, 5]].tolist()
        assert (row.n, row.n_failed) == (truth.count(name), 0)
        assert row.accuracy == pytest.approx(expected[i, {"a": 0, "b": 1}.get(name, 5)] / truth.count(name))
    assert [row.kind for row in table.rows.values()] == ["candidate", "candidate", "outsider", "outsider", "real"]


def test_the_shares_are_counted_by_hand(table: AttributionTable) -> None:
    generated = [(maker, told) for maker, told in zip(MAKERS, answered(), strict=True) if maker is not None]
    right = [(told == maker) if maker in CANDIDATES else told == NONE_OF_THESE for maker, told in generated]
    assert table.accuracy == pytest.approx(np.mean(right))
    strangers = [told == NONE_OF_THESE for maker, told in generated if maker not in CANDIDATES]
    assert table.outsiders == pytest.approx(np.mean(strangers))
    rows = [table.rows[name].accuracy for name in ("a", "b", "flow", "old")]
    assert table.macro == pytest.approx(np.mean(rows))


def test_each_head_is_a_binary_problem_as_in_the_paper(table: AttributionTable) -> None:
    for k, name in enumerate(CANDIDATES):
        own, told = np.array([maker == name for maker in MAKERS]), PROBABILITIES[:, k]
        head = table.heads[name]
        assert head.accuracy == pytest.approx(accuracy_score(own, told >= 0.5))
        assert head.balanced_accuracy == pytest.approx(balanced_accuracy_score(own, told >= 0.5))
        assert head.auc == pytest.approx(roc_auc_score(own, told))
        assert head.ap == pytest.approx(average_precision_score(own, told))
    assert (PROBABILITIES == 0.5).any()  # else the bound itself is not tested


def test_a_failed_picture_is_counted_and_enters_no_figure(table: AttributionTable) -> None:
    more = evaluate_attribution(CANDIDATES, [*MAKERS, "flow", None], [*PROBABILITIES.tolist(), None, None])
    assert (more.rows["flow"].n_failed, more.rows["real"].n_failed) == (1, 1)
    assert (more.accuracy, more.heads, more.outsiders) == (table.accuracy, table.heads, table.outsiders)


def test_without_outsiders_and_real_pictures() -> None:
    found = evaluate_attribution(["a", "b"], ["a", "b"], [[0.9, 0.1], [0.2, 0.3]])
    assert (found.outsiders, found.accuracy, found.macro) == (None, 0.5, 0.5)
    assert found.rows["b"].answers == {"a": 0, "b": 0, NONE_OF_THESE: 1}
    stated = json.loads(json.dumps(found.to_dict()))
    assert stated == found.to_dict()
    assert stated["generators"]["a"]["accuracy"] == 1
    assert stated["candidates"] == ["a", "b"]


@pytest.mark.parametrize(
    ("makers", "rows", "words"),
    [
        (["a"], [], "got 1 makers and 0 rows of probabilities"),
        (["a", None], [[0.5, 0.5], [0.1, 0.1]], "got 0 pictures by the candidate 'b' and 2 others"),
        (["a", "b", "flow"], [[0.5, 0.5], [0.1, 0.1], None], "flow: no picture has an answer, 1 failed"),
    ],
)
def test_what_cannot_be_measured_is_named(makers: list[str | None], rows: list[list[float] | None], words: str) -> None:
    with pytest.raises(DataError, match=words):
        evaluate_attribution(["a", "b"], makers, rows)

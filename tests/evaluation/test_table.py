from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unprompt.errors import DataError, OptionError
from unprompt.evaluation import evaluate_scores

LABELS = [0, 0, 0, 0, 1, 1, 1, 1, 1]
NAMES = ["photo", "photo", "scan", "", "gan", "gan", "flow", "flow", ""]
PROBABILITIES = [0.1, 0.4, 0.6, None, 0.9, 0.5, 0.7, None, 0.2]


def test_each_generator_meets_all_reals_and_nobody_is_lost() -> None:
    table = evaluate_scores(LABELS, PROBABILITIES, NAMES)
    assert list(table.generators) == ["flow", "gan", "unknown"]
    gan, flow = table.generators["gan"], table.generators["flow"]
    assert gan.auc == pytest.approx(roc_auc_score([0, 0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9, 0.5]))
    assert (gan.n_real, gan.n_generated, gan.n_failed) == (3, 2, 1)
    assert (flow.n_real, flow.n_generated, flow.n_failed) == (3, 1, 2)
    pooled = table.pooled
    assert (pooled.n_real, pooled.n_generated, pooled.n_failed) == (3, 4, 2)
    assert pooled.n_real + pooled.n_generated + pooled.n_failed == len(LABELS)


def test_macro_is_the_plain_mean_and_pooled_is_not() -> None:
    table = evaluate_scores(LABELS, PROBABILITIES, NAMES)
    rows = table.generators.values()
    assert table.macro.auc == pytest.approx(np.mean([row.auc for row in rows]))
    assert table.macro.ece == pytest.approx(np.mean([row.ece for row in rows]))
    assert table.pooled.auc == pytest.approx(roc_auc_score([0, 0, 0, 1, 1, 1, 1], [0.1, 0.4, 0.6, 0.9, 0.5, 0.7, 0.2]))
    assert table.macro.n_generated == table.pooled.n_generated


def test_the_threshold_moves_the_accuracies_only() -> None:
    low, high = (evaluate_scores(LABELS, PROBABILITIES, NAMES, threshold).pooled for threshold in (0.15, 0.65))
    assert (low.real_accuracy, low.fake_accuracy) == (pytest.approx(1 / 3), 1.0)
    assert (high.real_accuracy, high.fake_accuracy) == (1.0, 0.5)
    assert low.balanced_accuracy == pytest.approx(2 / 3)
    assert (low.auc, low.ece, low.tpr_at_1) == (high.auc, high.ece, high.tpr_at_1)


def test_the_table_is_ready_for_json_and_print() -> None:
    table = evaluate_scores(LABELS, PROBABILITIES, NAMES)
    assert [name for name, _ in table.rows()] == ["flow", "gan", "unknown", "macro", "pooled"]
    read = json.loads(json.dumps(table.to_dict()))
    assert read["generators"]["gan"]["auc"] == table.generators["gan"].auc
    assert read["threshold"] == 0.5


def test_an_array_without_failures_will_do() -> None:
    table = evaluate_scores(np.array([0, 1]), np.array([0.2, 0.8]), ["", "gan"])
    assert (table.pooled.auc, table.pooled.n_failed) == (1.0, 0)


def test_a_generator_that_failed_altogether_is_named() -> None:
    with pytest.raises(DataError, match="gan: 1 real and 0 generated pictures have a score, 2 failed"):
        evaluate_scores([0, 1, 1], [0.1, None, None], ["", "gan", "gan"])
    with pytest.raises(DataError, match="all generators: 2 real and 0 generated"):
        evaluate_scores([0, 0], [0.1, 0.2], ["", ""])


def test_a_nan_is_an_error_and_not_a_failure() -> None:
    with pytest.raises(DataError, match=r"scores\[2\] is nan"):
        evaluate_scores([0, 1, 1], [0.1, None, float("nan")], ["", "gan", "gan"])
    with pytest.raises(DataError, match=r"probabilities\[1\] is 4\.0, expected between 0 and 1"):
        evaluate_scores([0, 1], [0.1, 4.0], ["", "gan"])


def test_columns_of_different_length_and_a_wild_threshold_are_refused() -> None:
    with pytest.raises(DataError, match="got 2 labels, 2 probabilities and 1 generators"):
        evaluate_scores([0, 1], [0.1, 0.2], ["gan"])
    with pytest.raises(OptionError, match=r"threshold is 50, expected a rate between 0 and 1"):
        evaluate_scores([0, 1], [0.1, 0.2], ["", "gan"], threshold=50)

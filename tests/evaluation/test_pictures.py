"""Copies count once, generators meet the reals they are paired with, and a draw keeps every row's classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unprompt.errors import DataError
from unprompt.evaluation import evaluate_scores
from unprompt.evaluation.pictures import group_rows


def test_shared_reals_are_pooled_once() -> None:
    """UniversalFakeDetect: one folder of reals, listed for each of two generators."""
    labels = [0, 0, 0, 0, 1, 1, 1, 1]
    names = ["ldm", "ldm", "glide", "glide", "ldm", "ldm", "glide", "glide"]
    scores = [0.1, 0.6, 0.1, 0.6, 0.7, 0.5, 0.9, 0.3]
    table = evaluate_scores(labels, scores, names, pixels=["a", "b", "a", "b", *"cdef"], repeats=0)
    assert (table.pooled.n_real, table.pooled.n_generated, table.pooled.n_copies) == (2, 4, 2)
    assert (table.generators["ldm"].n_real, table.generators["ldm"].n_copies) == (2, 0)
    assert table.pooled.auc == roc_auc_score([0, 0, 1, 1, 1, 1], [0.1, 0.6, 0.7, 0.5, 0.9, 0.3])
    assert evaluate_scores(labels, scores, names, repeats=0).pooled.n_real == 4


def test_the_same_pixels_under_both_labels_are_two_pictures() -> None:
    table = evaluate_scores([0, 1, 1], [0.2, 0.2, 0.2], ["", "g", "g"], pixels=["a", "a", "a"], repeats=0)
    assert (table.pooled.n_real, table.pooled.n_generated, table.pooled.n_copies) == (1, 1, 1)


def test_a_copy_in_another_generators_folder_counts_in_both_rows() -> None:
    table = evaluate_scores([0, 1, 1, 1], [0.2, 0.8, 0.8, 0.1], ["", "g", "h", "h"], pixels=[*"abbc"], repeats=20)
    assert [row.n_generated for _, row in table.rows()] == [1, 2, 2, 2]
    assert table.pooled.n_copies == 1


def test_each_generator_meets_its_own_reals() -> None:
    """GenImage: every generator has a folder of reals beside its fakes."""
    labels = [0, 0, 0, 1, 1]
    names = ["sd15", "sd15", "biggan", "sd15", "biggan"]
    table = evaluate_scores(labels, [0.1, 0.9, 0.5, 0.6, 0.6], names, repeats=0)
    assert (table.generators["sd15"].n_real, table.generators["sd15"].auc) == (2, 0.5)
    assert (table.generators["biggan"].n_real, table.generators["biggan"].auc) == (1, 1.0)
    assert table.pooled.n_real == 3


def test_a_pair_names_other_reals() -> None:
    labels, names = [0, 0, 1, 1], ["laion", "imagenet", "ldm", "guided"]
    pairs = {"ldm": "laion", "guided": "imagenet"}
    table = evaluate_scores(labels, [0.5, 0.1, 0.4, 0.4], names, pairs=pairs, repeats=0)
    assert (table.generators["ldm"].auc, table.generators["guided"].auc) == (0.0, 1.0)
    with pytest.raises(DataError, match="ldm is paired with the reals of 'lion', there are imagenet, laion: mend"):
        evaluate_scores(labels, [0.5, 0.1, 0.4, 0.4], names, pairs={"ldm": "lion"})


def test_a_benchmarks_shared_reals_need_no_pair() -> None:
    """UniversalFakeDetect: laion goes with ldm_200, imagenet with guided."""
    labels, names = [0, 0, 1, 1], ["laion", "imagenet", "ldm_200", "guided"]
    table = evaluate_scores(labels, [0.5, 0.1, 0.4, 0.4], names, repeats=0)
    assert (table.generators["ldm_200"].auc, table.generators["guided"].auc) == (0.0, 1.0)


def test_reals_without_a_name_are_not_those_of_unknown_fakes() -> None:
    table = evaluate_scores([0, 0, 1], [0.1, 0.2, 0.3], ["", "photo", ""], repeats=0)
    assert table.generators["unknown"].n_real == 2


def test_a_draw_keeps_every_rows_classes() -> None:
    labels = np.repeat([False, True], [8, 8])
    names = [*"gggghhhh", *"gggghhhh"]
    found = group_rows(labels, np.zeros(16, bool), names, [*"abcdcdef", *"ijklklmn"])
    seen = set()
    for counts in found.draws(50, seed=1):
        seen.add(tuple(counts))
        for row in found.rows.values():
            for label in (False, True):
                chosen = row.members[found.generated[row.members] == label]
                assert counts[chosen].sum() == chosen.size
    assert len(seen) > 1
    assert [tuple(one) for one in found.draws(5, 2)] == [tuple(one) for one in found.draws(5, 2)]


def test_the_first_copy_gives_the_score() -> None:
    found = group_rows(np.array([0, 0, 1, 1], bool), np.zeros(4, bool), ["", "", "g", "g"], ["a", "a", "b", "b"])
    assert found.places.tolist() == [0, 2]

"""Evidence by index: what is collated once is what is collated each time, and shares of a loss make up the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors import EVERY
from unprompt.errors import DataError
from unprompt.training import rows as room
from unprompt.training.rows import Rows


def test_rows_out_of_memory_are_those_of_collate(lesson: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CHUNK", 4)  # so that there are several
    detector = lesson.detector()
    rows = Rows(detector, lesson.evidence, lesson.labels)
    index = np.array([6, 0, 3, 3])
    inputs, target = rows.batch(index, np.random.default_rng(7))
    expected = detector.collate([lesson.evidence[i] for i in index], np.random.default_rng(7))
    assert len(inputs) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(inputs, expected, strict=True))
    np.testing.assert_array_equal(target, np.asarray(lesson.labels, np.float32)[index])
    steady = ("tidy", "item", "univfd", "vibnet", "clip-flow", "defake", "clip-layers", "traces")
    assert (rows.cached is not None) == (lesson.method in steady)


def test_what_is_steady_takes_no_chance(lesson: Any) -> None:
    detector = lesson.detector()
    one, other = (detector.collate(lesson.evidence, np.random.default_rng(seed)) for seed in (0, 1))
    same = all(torch.equal(left, right) for left, right in zip(one, other, strict=True))
    assert same or not EVERY[lesson.method].cacheable_features


def test_shares_of_a_loss_make_up_the_whole(lesson: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WIDE", 3)
    rows = Rows(lesson.detector(), lesson.evidence, lesson.labels)
    logits, truth = rows.detector.logits(lesson.evidence), np.asarray(lesson.labels, np.float64)
    expected = np.logaddexp(0, np.where(truth == 1, -logits, logits)).sum()
    assert rows.loss() == pytest.approx(expected, rel=1e-5)
    shares = [rows.loss(first, 11) for first in range(11)]  # more processes than pictures
    assert shares[9:] == [0.0, 0.0]
    assert sum(shares) == pytest.approx(expected, rel=1e-5)


def test_foreign_evidence_is_refused(lesson: Any) -> None:
    with pytest.raises(DataError, match=rf"evidence\[1\] is str, {lesson.method} expects"):
        Rows(lesson.detector(), [lesson.evidence[0], "x"], [0, 1])

"""Counts and the words for them."""

from __future__ import annotations

import pytest

from unprompt.report.summary import PredictionSummary
from unprompt.report.words import printable
from unprompt.types import Label, Prediction, Verdict


def row(verdict: Verdict | None, label: Label | None = None) -> Prediction:
    return Prediction("a", "ok" if verdict else "error", verdict=verdict, label=label)


MIXED = [
    row("generated", 1),
    row("generated", 1),
    row("generated", 0),
    row("real", 0),
    row("real", 1),
    row("inconclusive", 1),
    row("inconclusive"),
    row("real"),
    row(None, 1),
]


def test_counts() -> None:
    summary = PredictionSummary(MIXED)
    assert summary.confusion() == {"generated": [2, 1, 1, 1], "real": [1, 0, 1, 0]}
    assert summary.counts_line() == "9 pictures: 3 generated, 2 inconclusive, 3 real, 1 error"
    assert summary.truth_line() == "Against the truth: 5 of 6 (83%) decided, 3 of 5 (60%) of those rightly"


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([], ""),
        ([row("real")], ""),
        ([row(None, 1)], ""),
        ([row("inconclusive", 0)], "Against the truth: 0 of 1 (0%) decided"),
    ],
)
def test_truth_line_without_decisions(rows: list[Prediction], line: str) -> None:
    assert PredictionSummary(rows).truth_line() == line


def test_headline_without_a_probability() -> None:
    assert PredictionSummary.headline(row("inconclusive")) == "Inconclusive"
    assert PredictionSummary.headline(row(None)) == "Not judged"


def test_truth_of_a_failed_picture_is_told_without_a_verdict() -> None:
    assert PredictionSummary.truth_words(row(None, 0)) == "In truth real"
    assert PredictionSummary.truth_words(row("real")) == ""


def test_printable_keeps_letters_and_spells_out_the_rest() -> None:
    assert printable("Fär 東 a\tb\n\udcff") == r"Fär 東 a\tb\n\udcff"

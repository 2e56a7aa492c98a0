"""Counts and the words for them."""

from __future__ import annotations

import pytest

from unprompt.report import Summary, counts_line, headline, printable, truth_line, truth_words
from unprompt.types import Label, Prediction, Verdict


def told(verdict: Verdict | None, label: Label | None = None) -> Prediction:
    return Prediction("a", "ok" if verdict else "error", verdict=verdict, label=label)


MIXED = [
    told("generated", 1),
    told("generated", 1),
    told("generated", 0),
    told("real", 0),
    told("real", 1),
    told("inconclusive", 1),
    told("inconclusive"),
    told("real"),
    told(None, 1),
]


def test_counts() -> None:
    summary = Summary.of(MIXED)
    assert (summary.total, summary.labelled, summary.decided, summary.right) == (9, 6, 5, 3)
    assert counts_line(summary) == "9 pictures: 3 generated, 2 inconclusive, 3 real, 1 error"
    assert truth_line(summary) == "Against the truth: 5 of 6 (83%) decided, 3 of 5 (60%) of those rightly"


@pytest.mark.parametrize(
    ("predictions", "line"),
    [
        ([], ""),
        ([told("real")], ""),
        ([told(None, 1)], ""),
        ([told("inconclusive", 0)], "Against the truth: 0 of 1 (0%) decided"),
    ],
)
def test_truth_line_without_decisions(predictions: list[Prediction], line: str) -> None:
    assert truth_line(Summary.of(predictions)) == line


def test_headline_without_a_probability() -> None:
    assert headline(told("inconclusive")) == "Inconclusive"
    assert headline(told(None)) == "Not judged"


def test_truth_of_a_failed_picture_is_told_without_a_verdict() -> None:
    assert truth_words(told(None, 0)) == "In truth real"
    assert truth_words(told("real")) == ""


def test_printable_keeps_letters_and_spells_out_the_rest() -> None:
    assert printable("Fär 東 a\tb\n\udcff") == r"Fär 東 a\tb\n\udcff"

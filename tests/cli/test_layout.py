"""Tables of any cells: nothing is cut, and lines fit the width unless one word does not."""

from __future__ import annotations

import io
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from unprompt.cli import app
from unprompt.cli.tables import WIDTH, print_table

WORDS = st.lists(st.text("abcxyz-/.", min_size=1, max_size=30), max_size=12).map(" ".join)


@settings(max_examples=60)
@given(rows=st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), min_size=1, max_size=3), data=st.data())
def test_every_word_is_there_within_the_width(rows: list[tuple[str, ...]], data: st.DataObject) -> None:
    right = data.draw(st.sets(st.sampled_from(["two", "three", "four"])))
    rows = [(f"a{first}", *rest) for first, *rest in rows]
    printed = _printed(["one", "two", "three", "four"], rows, sorted(right))
    letters = re.sub(r"\s", "", printed)
    for cell in (cell for row in rows for cell in row):
        assert all(letters.count(char) >= cell.count(char) for char in set(cell) - {" "})
    if not right and all(len(row[0]) <= WIDTH for row in rows):
        assert max(map(len, printed.splitlines()), default=0) <= WIDTH


def _printed(header: list[str], rows: list[tuple[str, ...]], right: list[str]) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        patch.setattr(sys, "stdout", stream := io.StringIO())
        print_table(header, rows, right)
    return stream.getvalue()


def test_a_table_that_fits_is_one_grid() -> None:
    lines = [line.rstrip() for line in _printed(["name", "n"], [("a", "1"), ("bc", "20")], ["n"]).splitlines()]
    assert lines == ["name   n", "a      1", "bc    20"]


def test_long_cells_are_folded_and_longer_ones_go_below() -> None:
    text = "word " * 30
    folded = _printed(["name", "text"], [("a", text.strip())], []).splitlines()
    assert len(folded) == 3
    below = _printed(["name", "one", "two", "three"], [("a", *["w" * 60] * 3), ("b", "x", "", "")], []).splitlines()
    assert [line.split()[0] for line in below] == ["name", "a", "w" * 14, "one:", "b", "one:"]


def test_a_long_name_stands_unbroken_above_its_row() -> None:
    name = "folder/" * 20
    lines = [line.rstrip() for line in _printed(["picture", "word"], [(name, "real")], []).splitlines()]
    assert lines == ["  word", name, "  real"]


def test_many_numbers_become_several_tables() -> None:
    header = ["name", *(f"column {number}" for number in range(12))]
    lines = [line.rstrip() for line in _printed(header, [("a", *["0.5"] * 12)], header[1:]).splitlines()]
    assert [line.split()[:2] for line in lines] == [
        ["name", "column"],
        ["a", "0.5"],
        [],
        ["name", "column"],
        ["a", "0.5"],
    ]
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("verb", ["suites", "methods", "datasets"])
def test_what_is_known_is_listed_within_the_width(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    done = CliRunner().invoke(app, [verb], catch_exceptions=False)
    assert max(map(len, done.stdout.splitlines())) <= WIDTH
    monkeypatch.setenv("COLUMNS", "70")
    done = CliRunner().invoke(app, [verb], catch_exceptions=False)
    assert max(map(len, done.stdout.splitlines())) <= 70

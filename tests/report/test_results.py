"""Figures as words and files: tidy rows, listings, the papers' shape, escapes of every form."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from unprompt.errors import OptionError
from unprompt.evaluation import Bounds, EvaluationTable, compare_scores, evaluate_scores, results, with_paper
from unprompt.report.grid import Grid, render
from unprompt.report.results import differences, listing, pivot, write_results, write_rows

LABELS, SCORES = [0, 0, 0, 1, 1, 1, 1], [0.1, 0.4, 0.6, 0.7, 0.9, 0.5, 0.8]
NAMES = ["", "", "", "a&b_1", "a&b_1", "<c>|d", "<c>|d"]
SETTINGS = {"method": "sare", "checkpoint": "heads/sare", "suite": "paper", "split": "test", "prior": 0.5}


@pytest.fixture
def table() -> EvaluationTable:
    made = evaluate_scores(LABELS, SCORES, NAMES, bounds=Bounds(0.3, 0.7, 0.05, 0.05), repeats=30)
    made = replace(made, settings=SETTINGS)
    changed = replace(made, settings={**SETTINGS, "perturbation": "jpeg:90"})
    against = compare_scores(LABELS, SCORES, SCORES[::-1], NAMES, names=("one", "other"), repeats=30)
    return replace(made, perturbed={"jpeg:90": changed}, against=against)


def test_a_row_a_number_with_every_setting(table: EvaluationTable) -> None:
    rows = results(table)
    assert len(rows) == 2 * (4 * 12 + 3 * 5)
    assert len({(row.perturbation, row.generator, row.metric) for row in rows}) == len(rows)
    (auc,) = [row for row in rows if (row.perturbation, row.generator, row.metric) == ("jpeg:90", "pooled", "auc")]
    found = table.intervals["pooled"]["auc"]
    assert (auc.value, auc.low, auc.high, auc.interval) == (table.pooled.auc, found.low, found.high, "delong")
    assert (auc.method, auc.suite, auc.split, auc.n_real, auc.n_generated) == ("sare", "paper", "test", 3, 4)
    assert json.loads(auc.settings) == {"prior": 0.5}
    (held,) = [row for row in rows[:63] if (row.generator, row.metric) == ("pooled", "verdict_coverage")]
    assert (held.value, held.low) == (table.verdicts["pooled"].coverage, None)


def test_the_papers_numbers_stand_beside_ours(table: EvaluationTable) -> None:
    rows = with_paper(results(table), {("jpeg:90", "pooled", "accuracy"): 0.8564})
    assert [row.paper for row in rows if row.paper is not None] == [0.8564]
    grid = listing(rows)
    line = next(row for row in grid.rows if row[:2] == ("jpeg:90", "pooled"))
    value = table.pooled.accuracy
    assert re.fullmatch(rf"{value:.3f} \[0\.\d+, 0\.\d+\] \(paper 0\.856\)", line[grid.header.index("accuracy")])
    percent = pivot([row for row in rows if row.generator == "pooled"], "accuracy", across="perturbation")
    assert percent.header == ("method", "none", "jpeg:90")
    assert percent.rows[0][0] == "sare"
    assert percent.rows[0][2].startswith(f"{100 * value:.2f} [")
    assert percent.rows[0][2].endswith("(paper 85.64)")


def test_a_listing_leaves_out_what_is_one_alone(table: EvaluationTable) -> None:
    plain = listing([row for row in results(table) if not row.perturbation], metrics=("auc", "nll"))
    assert plain.header == ("generator", "real", "generated", "AUC", "NLL")
    assert [row[0] for row in plain.rows] == ["<c>|d", "a&b_1", "macro", "pooled"]
    assert plain.title == "sare, paper, test; 95 % intervals"
    assert listing(results(table)).header[:2] == ("perturbation", "generator")


def test_cells_that_would_hide_each_other_are_refused(table: EvaluationTable) -> None:
    with pytest.raises(OptionError, match="8 results of auc fall on 4 cells of method x generator: choose rows"):
        pivot(results(table), "auc")


def test_a_difference_has_its_interval_and_its_p(table: EvaluationTable) -> None:
    assert table.against is not None
    grid = differences(table.against, metrics=("auc",))
    assert grid.title == "one minus other, on 3 real and 4 generated pictures"
    found = table.against.rows["pooled"]["auc"]
    assert found.p < 0.001
    expected = f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}], p < 0.001"
    assert dict(grid.rows)["pooled"] == expected.replace("-", "\N{MINUS SIGN}")


GRID = Grid("A & B", ("name", "50%"), (("a|b_c", "1"), ("<i>\\~^", "\N{MINUS SIGN}2")))


def test_markdown_escapes_pipes() -> None:
    assert render([GRID], ".md").splitlines() == [
        "### A & B",
        "",
        "| name | 50% |",
        "| --- | ---: |",
        "| a\\|b_c | 1 |",
        "| <i>\\~^ | \N{MINUS SIGN}2 |",
    ]


def test_latex_escapes_its_signs() -> None:
    text = render([GRID], ".tex")
    assert r"\caption{A \& B}" in text
    assert r"name & 50\% \\" in text
    assert r"a|b\_c & 1 \\" in text
    assert r"<i>\textbackslash{}\textasciitilde{}\textasciicircum{} & $-$2 \\" in text
    assert r"\begin{tabular}{lr}" in text
    assert "\n{}[x] & 1 " in render([Grid("", ("[x]", "1"), ())], ".tex")
    assert text.count(r"\begin") == text.count(r"\end") == 2


def test_html_escapes_its_signs() -> None:
    text = render([GRID], ".html")
    assert html.escape("<i>\\~^") in text
    assert "<i>" not in text
    assert '<td class="number">1</td>' in text
    assert "http" not in text


def test_files_hold_the_rows(table: EvaluationTable, tmp_path: Path) -> None:
    for suffix in ("parquet", "json", "md", "html", "tex"):
        write_results(tmp_path / f"a.{suffix}", table)
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["version"] == 1
    assert told["results"] == rows == [vars(row) for row in results(table)]
    assert told["comparison"]["first"] == "one"
    assert (tmp_path / "a.md").read_text().count("###") == 2
    assert "a\\&b\\_1" in (tmp_path / "a.tex").read_text()
    assert "&lt;c&gt;|d" in (tmp_path / "a.html").read_text()


def test_unknown_forms_are_refused(table: EvaluationTable, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"--out is .*a\.csv, expected a name that ends in \.parquet, \.json, \.md"):
        write_rows(tmp_path / "a.csv", results(table))
    with pytest.raises(OptionError, match=r"got the suffix '\.doc', expected one of \.md, \.html, \.tex"):
        render([GRID], ".doc")
    with pytest.raises(ValueError, match="row 0 has 1 cells, expected 2"):
        Grid("", ("a", "b"), (("c",),))

"""Figures to files: tidy rows as Parquet or JSON, tables as Markdown, HTML or LaTeX, the paper's numbers beside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import pyarrow as pa
from pydantic import TypeAdapter

from unprompt.errors import DataError, OptionError, StoreError
from unprompt.evaluation import Comparison, EvaluationTable, Result, results
from unprompt.report.grid import FORMS, Grid, render
from unprompt.store import RESULTS, write_aside, write_table
from unprompt.store.parquet import read_table
from unprompt.structured_text import read_object

METRICS: Final = (
    "auc",
    "ap",
    "accuracy",
    "raw_accuracy",
    "balanced_accuracy",
    "tpr_at_1",
    "tpr_at_5",
    "eer",
    "ece",
    "nll",
)
"""Columns of a listing; Parquet and JSON hold all."""
VERSION: Final = 1
"""Of the JSON file."""
_ROWS: Final = TypeAdapter(list[Result])


def write_results(path: Path, table: EvaluationTable) -> None:
    """A table, its perturbed ones and its comparison, in the form that the suffix names.

    Parquet holds no comparison.
    """
    write_rows(path, results(table), table.against)


def write_rows(path: Path, rows: Sequence[Result], comparison: Comparison | None = None) -> None:
    """As :func:`write_results`, from rows of several tables. :class:`OptionError` for an unknown suffix."""
    suffix = path.suffix.lower()
    check_suffix(path)
    if suffix == ".parquet":
        write_table(path, pa.Table.from_pylist([asdict(row) for row in rows], RESULTS), RESULTS)
        return
    if suffix == ".json":
        facts = {
            "version": VERSION,
            "results": [asdict(row) for row in rows],
            "comparison": asdict(comparison) if comparison else None,
        }
        text = json.dumps(facts, indent=1, allow_nan=False)
    else:
        text = render([listing(rows), *([differences(comparison)] if comparison else [])], suffix)
    write_aside(path, lambda file: file.write(text.encode("utf-8")))


def read_rows(path: Path) -> list[Result]:
    """What :func:`write_rows` wrote as .json or .parquet; :class:`DataError` for anything else."""
    try:
        if path.suffix.lower() == ".parquet":
            found = read_table(path, RESULTS)
            rows = found.to_pylist() if found is not None else None
        else:
            rows = read_object(path)["results"]
        if rows:
            return _ROWS.validate_python(rows)
        why = "no rows" if rows is not None else "no file"
    except (OSError, ValueError, KeyError, TypeError, StoreError) as error:
        why = " ".join(str(error).split())
    raise DataError(f"{path} holds no results ({why}): give a .json or .parquet that `unprompt evaluate --out` wrote")


def check_suffix(path: Path) -> None:
    """:class:`OptionError` unless results can be written to such a file."""
    if path.suffix.lower() not in (".parquet", ".json", *FORMS):
        raise OptionError(f"--out is {path}, expected a name that ends in .parquet, .json, {', '.join(FORMS)}")


def listing(rows: Sequence[Result], metrics: Sequence[str] = METRICS, percent: bool = False) -> Grid:
    """A line for each method, perturbation and generator, a column for each metric.

    Methods and perturbations are left out where there is one alone.
    """
    keys = list(dict.fromkeys((row.method, row.perturbation or "none", row.generator) for row in rows))
    found = {(row.method, row.perturbation or "none", row.generator, row.metric): row for row in rows}
    kept = [place for place in range(3) if place == 2 or len({key[place] for key in keys}) > 1]
    names = ("method", "perturbation", "generator")
    lines = []
    for key in keys:
        first = next(row for row in rows if (row.method, row.perturbation or "none", row.generator) == key)
        cells = [cell(found.get((*key, metric)), percent) for metric in metrics]
        lines.append((*(key[place] for place in kept), str(first.n_real), str(first.n_generated), *cells))
    header = (*(names[place] for place in kept), "real", "generated", *(words(metric) for metric in metrics))
    return Grid(_title(rows), header, tuple(lines), labels=len(kept))


def pivot(
    rows: Sequence[Result], metric: str, down: str = "method", across: str = "generator", percent: bool = True
) -> Grid:
    """One metric as the papers print it: ``down`` and ``across`` are columns of :class:`Result`."""
    chosen = [row for row in rows if row.metric == metric]
    lines, columns = (_seen(getattr(row, name) or "none" for row in chosen) for name in (down, across))
    found = {(getattr(row, down) or "none", getattr(row, across) or "none"): row for row in chosen}
    if len(found) != len(chosen):
        raise OptionError(
            f"{len(chosen)} results of {metric} fall on {len(found)} cells of {down} x {across}: choose rows that "
            "differ in these two alone"
        )
    body = tuple((line, *(cell(found.get((line, column)), percent) for column in columns)) for line in lines)
    return Grid(f"{words(metric)}: {_title(chosen)}", (down, *columns), body)


def differences(comparison: Comparison, metrics: Sequence[str] = METRICS) -> Grid:
    """A line for each row, a column for each metric: the difference, its interval and its p."""
    lines = []
    for name, row in comparison.rows.items():
        cells = (
            f"{_signed(one.difference)} [{_signed(one.low)}, {_signed(one.high)}], p {_chance(one.p)}"
            for one in (row[metric] for metric in metrics)
        )
        lines.append((name, *cells))
    counts = f"{comparison.n_real} real and {comparison.n_generated} generated pictures"
    title = f"{comparison.first} minus {comparison.second}, on {counts}"
    return Grid(title, ("generator", *(words(metric) for metric in metrics)), tuple(lines))


def cell(row: Result | None, percent: bool = False) -> str:
    """``0.871 [0.850, 0.892] (paper 0.856)``; nothing for no result."""
    if row is None:
        return ""
    scale, digits = (100, 2) if percent and row.metric != "nll" else (1, 3)
    text = f"{scale * row.value:.{digits}f}"
    if row.low is not None and row.high is not None:
        text += f" [{scale * row.low:.{digits}f}, {scale * row.high:.{digits}f}]"
    return text if row.paper is None else f"{text} (paper {scale * row.paper:.{digits}f})"


def words(metric: str) -> str:
    """A metric's name as it is printed."""
    if metric.startswith("tpr_at_"):
        return f"TPR@{metric.removeprefix('tpr_at_')}%"
    return metric.upper() if metric in ("auc", "ap", "eer", "ece", "nll") else metric.replace("_", " ")


def _title(rows: Sequence[Result]) -> str:
    parts = [_seen(getattr(row, name) for row in rows) for name in ("method", "suite", "split")]
    levels = {row.level for row in rows if row.level is not None}
    bounds = f"; {100 * levels.pop():g} % intervals" if len(levels) == 1 else ""
    return ", ".join("/".join(part) for part in parts if part) + bounds


def _seen(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _chance(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"

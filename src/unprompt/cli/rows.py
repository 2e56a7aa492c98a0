"""One row an input -> a table, JSON, JSON lines or CSV on stdout."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

import typer

from unprompt.cli.flags import Format
from unprompt.cli.output import print_table
from unprompt.report.attribution import AttributionSummary
from unprompt.report.report_item import Row
from unprompt.report.summary import PredictionSummary, Summary
from unprompt.types import Attribution, Prediction


def show_predictions(rows: Sequence[Prediction], form: Format) -> int:
    """What ``detect`` answers; 1 where a picture got no verdict."""
    print_rows(rows, PredictionSummary, form)
    return int(any(row.verdict is None for row in rows))


def show_attributions(rows: Sequence[Attribution], form: Format) -> int:
    """What ``attribute`` answers; 1 where a picture got no answer."""
    print_rows(rows, AttributionSummary, form)
    return int(any(row.generator is None for row in rows))


def print_rows(rows: Sequence[Row], kind: type[Summary[Row]], form: Format) -> None:
    """Print all of them, in their order; the table ends with the counts of ``kind``."""
    methods = list(dict.fromkeys(method for row in rows for method in row.scores))
    if form == "table":
        _print_table(kind(rows), methods)
    elif form == "csv":
        print(_csv(rows, kind.kind, methods), end="")  # typer.echo would drop escape sequences from names
    elif form == "json":
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1, allow_nan=False))
    else:
        for row in rows:
            typer.echo(json.dumps(asdict(row), allow_nan=False))


def _print_table(summary: Summary[Row], methods: Sequence[str]) -> None:
    """A column for whoever scored one of the rows, the suite only where several answered."""
    several = len({row.suite for row in summary.rows if row.suite}) > 1
    header = ["picture", "truth", "suite", summary.answer, "probability", *methods, "caption", "notes"]
    table = []
    for row in summary.rows:
        numbers = [getattr(row, "probability", None), *(row.scores.get(method) for method in methods)]
        answer = [row.suite or "" if several else "", summary.outcome(row)]
        shown = ["" if value is None else f"{value:.2f}" for value in numbers]
        table.append([row.uri, summary.truth(row), *answer, *shown, row.caption or "", "; ".join(_notes(row))])
    if table:
        print_table(header, table, right=["probability", *methods])
    typer.echo(summary.counts_line())
    if line := summary.truth_line():
        typer.echo(line)


def _notes(row: Prediction | Attribution) -> Iterator[str]:
    if row.error:
        yield row.error
    yield from row.warnings
    if isinstance(row, Attribution):
        return
    if row.spread is not None:
        yield f"±{row.spread:.2f} with the noise"
    if row.duplicate_of is not None:
        yield f"the same pixels as {row.duplicate_of}"


def _csv(rows: Sequence[Row], kind: type[Prediction] | type[Attribution], methods: Sequence[str]) -> str:
    """A column for each field, then ``scores.METHOD`` for each method; warnings are joined by semicolons."""
    names = [field.name for field in fields(kind) if field.name != "scores"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*names, *(f"scores.{method}" for method in methods)])
    for row in rows:
        values: dict[str, Any] = asdict(row) | {"warnings": "; ".join(row.warnings)}
        writer.writerow([*(values[name] for name in names), *(row.scores.get(method) for method in methods)])
    return file.getvalue()

"""Judgements -> table, JSON, JSON lines or CSV on stdout."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

import typer

from unprompt.cli.options import Format
from unprompt.cli.output import print_table
from unprompt.report import Summary, counts_line, outcome, truth_line
from unprompt.report.words import TRUTHS
from unprompt.types import Judgement


def print_judgements(judgements: Sequence[Judgement], form: Format) -> None:
    """Print all of them, in their order."""
    if form is Format.TABLE:
        _print_table(judgements)
    elif form is Format.CSV:
        print(_csv(judgements), end="")  # typer.echo would drop escape sequences from names
    elif form is Format.JSON:
        typer.echo(json.dumps([asdict(judgement) for judgement in judgements], indent=1, allow_nan=False))
    else:
        for judgement in judgements:
            typer.echo(json.dumps(asdict(judgement), allow_nan=False))


def _print_table(judgements: Sequence[Judgement]) -> None:
    voices = _methods(judgements)
    header = ["picture", "truth", "verdict", "probability", *voices, "caption", "notes"]
    rows = []
    for judgement in judgements:
        truth = "" if judgement.label is None else TRUTHS[judgement.label]
        numbers = [judgement.probability, *(judgement.scores.get(voice) for voice in voices)]
        notes = "; ".join(_notes(judgement))
        rows.append([judgement.uri, truth, outcome(judgement), *map(_number, numbers), judgement.caption or "", notes])
    if rows:
        print_table(header, rows, right=["probability", *voices])
    summary = Summary.of(judgements)
    typer.echo(counts_line(summary))
    if line := truth_line(summary):
        typer.echo(line)


def _notes(judgement: Judgement) -> Iterator[str]:
    if judgement.error:
        yield judgement.error
    yield from judgement.warnings
    if judgement.spread is not None:
        yield f"±{judgement.spread:.2f} with the noise"
    if judgement.duplicate_of is not None:
        yield f"the same pixels as {judgement.duplicate_of}"


def _csv(judgements: Sequence[Judgement]) -> str:
    """A column for each field, then ``scores.METHOD`` for each method; warnings are joined by semicolons."""
    voices = _methods(judgements)
    names = [field.name for field in fields(Judgement) if field.name != "scores"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*names, *(f"scores.{voice}" for voice in voices)])
    for judgement in judgements:
        values: dict[str, Any] = asdict(judgement) | {"warnings": "; ".join(judgement.warnings)}
        writer.writerow([*(values[name] for name in names), *(judgement.scores.get(voice) for voice in voices)])
    return file.getvalue()


def _methods(judgements: Iterable[Judgement]) -> list[str]:
    """Every method that scored one of them, in the order of first appearance."""
    return list(dict.fromkeys(method for judgement in judgements for method in judgement.scores))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"

"""One object an input -> JSON, JSON lines or CSV on stdout."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

import typer

from unprompt.cli.options import Format
from unprompt.types import Attribution, Prediction


def print_rows(
    rows: Sequence[Prediction | Attribution], kind: type[Prediction] | type[Attribution], form: Format
) -> None:
    """Print all of them, in their order; ``form`` is any but the table."""
    if form is Format.CSV:
        print(_csv(rows, kind), end="")  # typer.echo would drop escape sequences from names
    elif form is Format.JSON:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1, allow_nan=False))
    else:
        for row in rows:
            typer.echo(json.dumps(asdict(row), allow_nan=False))


def score_columns(rows: Iterable[Prediction | Attribution]) -> list[str]:
    """Everything that scored one of them, in the order of first appearance."""
    return list(dict.fromkeys(voice for row in rows for voice in row.scores))


def number(value: float | None) -> str:
    """Two places, or nothing."""
    return "" if value is None else f"{value:.2f}"


def _csv(rows: Sequence[Prediction | Attribution], kind: type[Prediction] | type[Attribution]) -> str:
    """A column for each field, then ``scores.VOICE`` for each voice; warnings are joined by semicolons."""
    voices = score_columns(rows)
    names = [field.name for field in fields(kind) if field.name != "scores"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*names, *(f"scores.{voice}" for voice in voices)])
    for row in rows:
        values: dict[str, Any] = asdict(row) | {"warnings": "; ".join(row.warnings)}
        writer.writerow([*(values[name] for name in names), *(row.scores.get(voice) for voice in voices)])
    return file.getvalue()

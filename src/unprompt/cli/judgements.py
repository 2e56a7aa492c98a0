"""Judgements -> table, JSON, JSON lines or CSV on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from unprompt.cli.options import Format
from unprompt.cli.output import print_table
from unprompt.cli.rows import number, print_rows, voices_of
from unprompt.report import Summary, counts_line, outcome, truth_line
from unprompt.report.words import TRUTHS
from unprompt.types import Judgement


def print_judgements(judgements: Sequence[Judgement], form: Format) -> None:
    """Print all of them, in their order."""
    if form is Format.TABLE:
        _print_table(judgements)
    else:
        print_rows(judgements, Judgement, form)


def _print_table(judgements: Sequence[Judgement]) -> None:
    voices, suites = voices_of(judgements), {one.suite for one in judgements if one.suite}
    several = ["suite"] if len(suites) > 1 else []
    header = ["picture", "truth", *several, "verdict", "probability", *voices, "caption", "notes"]
    rows = []
    for judgement in judgements:
        truth = "" if judgement.label is None else TRUTHS[judgement.label]
        numbers = [judgement.probability, *(judgement.scores.get(voice) for voice in voices)]
        notes = "; ".join(_notes(judgement))
        spoke = [judgement.suite or ""] if several else []
        told = [outcome(judgement), *map(number, numbers), judgement.caption or "", notes]
        rows.append([judgement.uri, truth, *spoke, *told])
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

"""Judgements -> table, JSON, JSON lines or CSV on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from unprompt.cli.options import Format
from unprompt.cli.output import print_table
from unprompt.cli.rows import number, print_rows, score_columns
from unprompt.report import Summary, counts_line, outcome, truth_line
from unprompt.report.words import TRUTHS
from unprompt.types import Prediction


def print_predictions(predictions: Sequence[Prediction], form: Format) -> None:
    """Print all of them, in their order."""
    if form is Format.TABLE:
        _print_table(predictions)
    else:
        print_rows(predictions, Prediction, form)


def _print_table(predictions: Sequence[Prediction]) -> None:
    voices, suites = score_columns(predictions), {one.suite for one in predictions if one.suite}
    several = ["suite"] if len(suites) > 1 else []
    header = ["picture", "truth", *several, "verdict", "probability", *voices, "caption", "notes"]
    rows = []
    for prediction in predictions:
        truth = "" if prediction.label is None else TRUTHS[prediction.label]
        numbers = [prediction.probability, *(prediction.scores.get(voice) for voice in voices)]
        notes = "; ".join(_notes(prediction))
        spoke = [prediction.suite or ""] if several else []
        told = [outcome(prediction), *map(number, numbers), prediction.caption or "", notes]
        rows.append([prediction.uri, truth, *spoke, *told])
    if rows:
        print_table(header, rows, right=["probability", *voices])
    summary = Summary.of(predictions)
    typer.echo(counts_line(summary))
    if line := truth_line(summary):
        typer.echo(line)


def _notes(prediction: Prediction) -> Iterator[str]:
    if prediction.error:
        yield prediction.error
    yield from prediction.warnings
    if prediction.spread is not None:
        yield f"±{prediction.spread:.2f} with the noise"
    if prediction.duplicate_of is not None:
        yield f"the same pixels as {prediction.duplicate_of}"

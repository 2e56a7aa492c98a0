"""Attributions -> table, JSON, JSON lines or CSV on stdout; an attributor's figures -> a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from unprompt.cli.options import Format
from unprompt.cli.output import print_table
from unprompt.cli.rows import number, print_rows, score_columns
from unprompt.report import answer, answers_line, answers_truth_line
from unprompt.types import Attribution

if TYPE_CHECKING:
    from unprompt.evaluation import AttributionTable


def print_attributions(attributions: Sequence[Attribution], form: Format) -> None:
    """Print all of them, in their order."""
    if form is not Format.TABLE:
        print_rows(attributions, Attribution, form)
        return
    voices = score_columns(attributions)
    rows = []
    for one in attributions:
        numbers = [number(one.scores.get(voice)) for voice in voices]
        notes = "; ".join([*([one.error] if one.error else []), *one.warnings])
        rows.append([one.uri, one.truth or "", answer(one), *numbers, one.caption or "", notes])
    if rows:
        print_table(["picture", "truth", "made by", *voices, "caption", "notes"], rows, right=voices)
    typer.echo(answers_line(attributions))
    if line := answers_truth_line(attributions):
        typer.echo(line)


def print_attribution_table(table: AttributionTable) -> None:
    """The confusion matrix, then each candidate against the rest."""
    header = ["made by", *table.answers, "pictures", "failed", "accuracy"]
    rows = [
        [
            name,
            *(str(row.answers[told]) for told in table.answers),
            str(row.n),
            str(row.n_failed),
            f"{row.accuracy:.3f}",
        ]
        for name, row in table.rows.items()
    ]
    print_table(header, rows, right=header[1:])
    typer.echo()
    against = ["candidate", "accuracy", "balanced accuracy", "auc", "ap"]
    print_table(
        against,
        [[name, *(f"{value:.3f}" for value in vars(head).values())] for name, head in table.heads.items()],
        right=against[1:],
    )
    typer.echo()
    typer.echo(
        f"Of all generated pictures {table.accuracy:.1%} got the right answer, mean of generators {table.macro:.1%}"
    )
    if table.outsiders is not None:
        typer.echo(f"Of the outsiders' pictures {table.outsiders:.1%} are called none of these")

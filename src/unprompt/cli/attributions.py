"""An attributor's figures -> tables on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from unprompt.cli.output import print_table

if TYPE_CHECKING:
    from unprompt.evaluation import AttributionTable


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

"""What ``reproduce`` prints: the tables of a run, the estimate of a dry run, or which recipes there are."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from unprompt.cli.flags import TableFormat
from unprompt.cli.output import message
from unprompt.cli.tables import print_table

if TYPE_CHECKING:
    from unprompt.workflows.planning.dry_run import DryRun, RowCost
    from unprompt.workflows.planning.status import RecipeStatus
    from unprompt.workflows.reproduce import Reproduction


def show_reproduction(found: Reproduction | DryRun | tuple[RecipeStatus, ...], form: TableFormat) -> None:
    """The tables of a run, what it would take, or the recipes."""
    from unprompt.workflows.planning.dry_run import DryRun

    if isinstance(found, tuple):
        _print_statuses(found, form)
        return
    if isinstance(found, DryRun):
        _print_dry_run(found, form)
        return
    if form == "json":
        facts = {
            "recipe": found.recipe,
            "absent": found.absent,
            "left_out": dict(found.left_out),
            "claims": [asdict(one) for one in found.claims],
            "results": [asdict(row) for row in found.rows],
        }
        typer.echo(json.dumps(facts, indent=1, allow_nan=False))
    else:
        for grid in found.tables:
            typer.echo(f"{grid.title}:")
            print_table(grid.header, grid.rows, right=grid.header[grid.labels :])
    for path in found.files:
        message(f"results: {path}")


def _print_dry_run(found: DryRun, form: TableFormat) -> None:
    if form == "json":
        typer.echo(json.dumps(found.to_dict(), indent=1, allow_nan=False))
        return
    rows = [
        [one.split or "by hash", "generated" if one.label else "real", one.generator, str(one.pictures)]
        for one in found.cells
    ]
    print_table(["split", "truth", "generator", "pictures"], rows, right=["pictures"])
    typer.echo(f"learned from: {', '.join(found.learned)}")
    if found.standing_in:
        typer.echo("none of the paper's generators is there: others stand in, to be measured without being compared")
    absent = () if found.standing_in else found.absent
    lacking = [f"{one.row}: {one.missing}" for one in found.rows if one.missing]
    for word, several in (("missing test set", absent), ("missing", found.problems), ("left out", lacking)):
        for one in several:
            typer.echo(f"{word}: {one}")
    typer.echo(f"{found.pictures} pictures, {found.present} of them with evidence of some row")
    costs = [_cost(one) for one in found.rows]
    print_table(["row", "method", "extract", "train"], costs, right=["extract", "train"])
    for line in _estimates(found):
        typer.echo(line)


def _print_statuses(found: tuple[RecipeStatus, ...], form: TableFormat) -> None:
    if form == "json":
        typer.echo(json.dumps([asdict(one) for one in found], indent=1))
        return
    print_table(["recipe", "title", "status"], [[one.name, one.title, one.status] for one in found])
    if len(found) == 1:
        for one in found[0].lacking:
            typer.echo(f"lacks: {one}")
    elif any(one.lacking for one in found):
        typer.echo("What one lacks: unprompt reproduce RECIPE --list, with the same --suite and --data")


def _cost(row: RowCost) -> list[str]:
    extract = "not timed" if row.seconds is None else f"{row.seconds:.3g} s a picture"
    extract += f", {row.tflop:.1f} TFLOP" if row.tflop else ""
    return [row.row, row.method, extract, "not timed" if row.train_hours is None else _hours(row.train_hours)]


def _estimates(found: DryRun) -> list[str]:
    """Times and disk, extrapolated from the timed sample."""
    if found.seconds is None or found.extract_hours is None or found.kilobytes is None or found.gigabytes is None:
        return ["not timed: no picture could be sampled, or weights are missing"]
    again = f", the {found.tested} to test on {found.perturbations + 1} times" if found.perturbations else ""
    lines = [
        f"to extract, with nothing stored: {_hours(found.extract_hours)} at {found.seconds:.3g} s a picture{again}, "
        f"by a sample of {found.sample}",
        f"on the disk: {found.gigabytes:.3g} GB at {found.kilobytes:.0f} kB a picture; "
        f"{found.free_gigabytes:.0f} GB are free",
    ]
    if found.train_hours is None:
        return [*lines, "to train: not timed, the sample lacks a class"]
    return [*lines, f"to train: {_hours(found.train_hours)}, by the device that trained the sample"]


def _hours(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"

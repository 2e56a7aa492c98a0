"""What ``reproduce`` prints: the tables of a run, or the estimate of a dry run."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from unprompt.cli.flags import TableFormat
from unprompt.cli.output import message
from unprompt.cli.tables import print_table

if TYPE_CHECKING:
    from unprompt.workflows.planning.dry_run import DryRun
    from unprompt.workflows.reproduce import Reproduction


def show_reproduction(found: Reproduction | DryRun, form: TableFormat) -> None:
    """The tables of a run, or what it would take."""
    from unprompt.workflows.planning.dry_run import DryRun

    if isinstance(found, DryRun):
        _print_dry_run(found, form)
        return
    if form == "json":
        facts = {"recipe": found.recipe, "absent": found.absent, "results": [asdict(row) for row in found.rows]}
        typer.echo(json.dumps(facts, indent=1, allow_nan=False))
    else:
        for grid in found.tables:
            typer.echo(f"{grid.title}:")
            print_table(grid.header, grid.rows, right=grid.header[1:])
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
    for word, several in (("missing test set", absent), ("missing", found.problems), ("missing", found.weights)):
        for one in several:
            typer.echo(f"{word}: {one}")
    work = f"; {found.tflop:.1f} TFLOP a picture by the suite" if found.tflop else ""
    typer.echo(f"{found.pictures} pictures, {found.present} of them done{work}")
    for line in _estimates(found):
        typer.echo(line)


def _estimates(found: DryRun) -> list[str]:
    """Times and disk, extrapolated from the timed sample."""
    if found.seconds is None or found.extract_hours is None or found.kilobytes is None or found.gigabytes is None:
        return ["not timed: no picture could be sampled, or weights are missing"]
    lines = [
        f"to extract: {_hours(found.extract_hours)} at {found.seconds:.3g} s a picture, by a sample of {found.sample}",
        f"on the disk: {found.gigabytes:.3g} GB at {found.kilobytes:.0f} kB a picture; "
        f"{found.free_gigabytes:.0f} GB are free",
    ]
    if found.train_hours is None or found.epoch_seconds is None:
        return [*lines, "to train: not timed, the sample lacks a class"]
    speed = f"{found.epochs} epochs at {1000 * found.epoch_seconds:.2g} ms a picture"
    return [*lines, f"to train: {_hours(found.train_hours)}, {speed}, by the device that trained the sample"]


def _hours(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"

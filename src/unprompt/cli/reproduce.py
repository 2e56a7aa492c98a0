"""``unprompt reproduce``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unprompt.cli.options import Device, Dtype, Settings, TableFormat, Yes, chosen

if TYPE_CHECKING:
    from unprompt.workflows.planning.dry_run import DryRun
    from unprompt.workflows.reproduce import Reproduction


def reproduce(
    table: Annotated[str, typer.Argument(metavar="PAPER/TABLE", help="sare/table1, item/table1, or a recipe's .toml.")],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="ROOT", help="The root of the paper's dataset, or a SPEC; may be given several times."),
    ] = None,
    suite: Annotated[str, typer.Option(help="The models to ask: `unprompt suites` lists them.")] = "paper",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of all that is made; default: out/PAPER/TABLE/SUITE.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is missing, and estimate hours and disk from a timed sample.")
    ] = False,
    pictures: Annotated[
        int | None, typer.Option(metavar="N", help="Take N pictures of each label, generator and split at most.")
    ] = None,
    train_on: Annotated[
        list[str] | None,
        typer.Option(metavar="GENERATOR", help="Learn from another generator's; may be given several times."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Draws of the bootstrap; 0 = no intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    settings: Settings = None,
    yes: Yes = False,
    form: Annotated[TableFormat, typer.Option("--format", help="What is printed on stdout.")] = TableFormat.TABLE,
) -> None:
    """Make a paper's table, with the paper's numbers beside ours.

    An interrupted run goes on by the same command.
    """
    from unprompt.cli.output import ask, quiet_stdout
    from unprompt.workflows.planning.dry_run import DryRun
    from unprompt.workflows.reproduce import reproduce as work

    with quiet_stdout():
        found = work(
            table,
            data=data,
            suite=suite,
            out=out,
            dry_run=dry_run,
            pictures=pictures,
            train_on=train_on,
            repeats=repeats,
            seed=seed,
            device=device,
            dtype=dtype,
            options=chosen(settings),
            yes=yes,
            ask=ask,
        )
    if isinstance(found, DryRun):
        _print_rehearsal(found, form)
    else:
        _print_reproduction(found, form)


def _print_reproduction(found: Reproduction, form: TableFormat) -> None:
    from unprompt.cli.output import message, print_table

    if form is TableFormat.JSON:
        facts = {"recipe": found.recipe, "absent": found.absent, "results": [asdict(row) for row in found.rows]}
        typer.echo(json.dumps(facts, indent=1, allow_nan=False))
    else:
        for grid in found.tables:
            typer.echo(f"{grid.title}:")
            print_table(grid.header, grid.rows, right=grid.header[1:])
    for path in found.files:
        message(f"results: {path}")


def _print_rehearsal(found: DryRun, form: TableFormat) -> None:
    from unprompt.cli.output import print_table

    if form is TableFormat.JSON:
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
    """What the timed sample says, in words."""
    if found.seconds is None or found.extract_hours is None or found.kilobytes is None or found.gigabytes is None:
        return ["not timed: no picture could be sampled, or weights are missing"]
    lines = [
        f"to extract: {_hours(found.extract_hours)} at {found.seconds:.3g} s a picture, by a sample of {found.sample}",
        f"on the disk: {found.gigabytes:.3g} GB at {found.kilobytes:.0f} kB a picture; "
        f"{found.free_gigabytes:.0f} GB are free",
    ]
    if found.train_hours is None or found.epoch_seconds is None:
        return [*lines, "to train: not timed, the sample lacks a class"]
    told = f"{found.epochs} epochs at {1000 * found.epoch_seconds:.2g} ms a picture"
    return [*lines, f"to train: {_hours(found.train_hours)}, {told}, by the device that trained the sample"]


def _hours(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"

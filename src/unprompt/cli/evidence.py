"""``unprompt evidence ls``, ``verify`` and ``prune``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from unprompt.cli.options import TableFormat

if TYPE_CHECKING:
    from unprompt.store import Contents

Folder: TypeAlias = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `extract` wrote.")]
Form: TypeAlias = Annotated[TableFormat, typer.Option("--format", help="What is printed on stdout.")]

evidence = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Tell what a folder of evidence holds, check it, tidy it up."
)


@evidence.command()
def ls(folder: Folder, form: Form = TableFormat.TABLE) -> None:
    """List methods, products with their rows and bytes, and what is missing."""
    from unprompt.workflows.evidence import ls as work

    contents = work(folder)
    if form is TableFormat.JSON:
        _print_json(asdict(contents))
    else:
        _print_contents(contents)


@evidence.command()
def verify(folder: Folder, form: Form = TableFormat.TABLE) -> None:
    """Read every file and name each that is damaged or disagrees with the plan.

    Exit code: 0 = all sound, 1 = some file is not.
    """
    from unprompt.cli.output import print_dataclasses
    from unprompt.workflows.evidence import verify as work

    proof = work(folder)
    if form is TableFormat.JSON:
        _print_json(asdict(proof))
    else:
        print_dataclasses(proof.problems)
        old = f", {proof.without_checksum} of them written before there were checksums" * bool(proof.without_checksum)
        typer.echo(f"{proof.files} files, {proof.bytes} bytes{old}: {len(proof.problems) or 'nothing'} wrong")
    if proof.problems:
        raise typer.Exit(1)


@evidence.command()
def prune(
    folder: Folder,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is removed.")] = False,
    form: Form = TableFormat.TABLE,
) -> None:
    """Remove products that no method's evidence names; they are told first.

    Finish interrupted extractions before: what they made is not named yet.
    """
    from unprompt.cli.output import ask, print_dataclasses
    from unprompt.workflows.evidence import prune as work
    from unprompt.workflows.evidence import refuse

    removed = work(folder, yes=yes, ask=lambda told: ask(told, refuse))
    if form is TableFormat.JSON:
        _print_json([asdict(one) for one in removed])
    else:
        print_dataclasses(removed)
        typer.echo(f"removed {sum(one.bytes for one in removed)} bytes of {len(removed)} product tables")


def _print_json(answer: Any) -> None:
    typer.echo(json.dumps(answer, indent=1, allow_nan=False))


def _print_contents(contents: Contents) -> None:
    from unprompt.cli.output import print_dataclasses

    unread = contents.shards - contents.shards_read
    typer.echo(
        f"{contents.rows} planned rows in {contents.shards} shards, {unread or 'none'} still to be read; "
        f"perturbation: {contents.perturbation or 'none'}"
    )
    if contents.views:
        _print_views(contents)
    print_dataclasses(contents.products)
    print_dataclasses(contents.noise_samples)
    for folder in contents.stores:
        typer.echo(f"a store of its own: {folder}")


def _print_views(contents: Contents) -> None:
    from unprompt.cli.output import print_table

    options = [", ".join(f"{name}={value}" for name, value in view.options.items()) for view in contents.views]
    print_table(
        ["method", "suite", "version", "options"],
        [
            [view.method, view.suite, str(view.version), told]
            for view, told in zip(contents.views, options, strict=True)
        ],
    )

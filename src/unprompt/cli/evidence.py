"""What ``evidence ls``, ``verify`` and ``prune`` answer -> tables or JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from unprompt.cli.flags import TableFormat
from unprompt.cli.output import print_dataclasses, print_table

if TYPE_CHECKING:
    from unprompt.store import Contents, Unreferenced, Verification


def show_contents(contents: Contents, form: TableFormat) -> None:
    """Methods, products with their rows and bytes, and what is missing."""
    if form == "json":
        _print_json(asdict(contents))
    else:
        _print_contents(contents)


def show_verification(found: Verification, form: TableFormat) -> int:
    """Every problem; 1 where there is one."""
    if form == "json":
        _print_json(asdict(found))
    else:
        print_dataclasses(found.problems)
        old = f", {found.without_checksum} of them written before there were checksums" * bool(found.without_checksum)
        typer.echo(f"{found.files} files, {found.bytes} bytes{old}: {len(found.problems) or 'nothing'} wrong")
    return 1 if found.problems else 0


def show_removed(removed: Sequence[Unreferenced], form: TableFormat) -> None:
    """The product tables that are gone."""
    if form == "json":
        _print_json([asdict(one) for one in removed])
    else:
        print_dataclasses(removed)
        typer.echo(f"removed {sum(one.bytes for one in removed)} bytes of {len(removed)} product tables")


def _print_json(answer: Any) -> None:
    typer.echo(json.dumps(answer, indent=1, allow_nan=False))


def _print_contents(contents: Contents) -> None:
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
    options = [", ".join(f"{name}={value}" for name, value in view.options.items()) for view in contents.views]
    print_table(
        ["method", "suite", "version", "options"],
        [
            [view.method, view.suite, str(view.version), told]
            for view, told in zip(contents.views, options, strict=True)
        ],
    )

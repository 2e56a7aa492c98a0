"""What ``evidence ls``, ``verify`` and ``prune`` answer -> tables or JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from unprompt.cli.flags import TableFormat
from unprompt.cli.tables import print_dataclasses, print_table

if TYPE_CHECKING:
    from unprompt.store import Contents, Unreferenced, Verification


def show_contents(contents: Contents, form: TableFormat) -> None:
    """Methods, products with their rows and bytes, and what is missing."""
    if form == "json":
        _print_json(asdict(contents))
        return
    unread = contents.shards - contents.shards_read
    typer.echo(
        f"{contents.rows} planned rows in {contents.shards} shards, {unread or 'none'} still to be read; "
        f"perturbation: {contents.perturbation or 'none'}; "
        f"decoding policy: {', '.join(map(str, contents.decodings)) or 'none yet'}"
    )
    if contents.views:
        rows = [
            [view.method, view.suite, str(view.version), ", ".join(f"{key}={one}" for key, one in view.options.items())]
            for view in contents.views
        ]
        print_table(["method", "suite", "version", "options"], rows)
    print_dataclasses(contents.products)
    print_dataclasses(contents.noise_samples)
    for folder in contents.stores:
        typer.echo(f"a store of its own: {folder}")


def show_verification(result: Verification, form: TableFormat) -> int:
    """Every problem; 1 where there is one."""
    if form == "json":
        _print_json(asdict(result))
    else:
        print_dataclasses(result.problems)
        old = f", {result.without_checksum} of them written before there were checksums" * bool(result.without_checksum)
        typer.echo(f"{result.files} files, {result.bytes} bytes{old}: {len(result.problems) or 'nothing'} wrong")
    return 1 if result.problems else 0


def show_removed(removed: Sequence[Unreferenced], form: TableFormat) -> None:
    """The product tables that are gone."""
    if form == "json":
        _print_json([asdict(one) for one in removed])
    else:
        print_dataclasses(removed)
        typer.echo(f"removed {sum(one.bytes for one in removed)} bytes of {len(removed)} product tables")


def _print_json(answer: Any) -> None:
    typer.echo(json.dumps(answer, indent=1, allow_nan=False))

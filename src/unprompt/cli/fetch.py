"""``unprompt fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fetch(
    suite: Annotated[str, typer.Argument(help="A suite's name or path: `unprompt suites` lists them.")],
    method: Annotated[str | None, typer.Option(help="Only what this method needs.")] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write a bundle that --suite DIR takes without network.")
    ] = None,
) -> None:
    """Fetch a suite's models from the hub; an interrupted fetch goes on by the same command."""
    from unprompt.cli.output import quiet_stdout
    from unprompt.workflows.fetch import fetch as work

    with quiet_stdout():
        folder = work(suite, method=method, to=to)
    typer.echo(folder)

"""``unprompt card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def card(
    checkpoint: Annotated[Path, typer.Argument(help="File that `train` wrote.", show_default=False)],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder that is written: weights, config.json, README.md.")],
    suite: Annotated[
        str | None, typer.Option(help="The suite that the head was trained on, if not the one it names.")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Licence of the head's weights, as apache-2.0; default: not stated."),
    ] = None,
    data: Annotated[str, typer.Option(metavar="TEXT", help="What the pictures were, in words.")] = "",
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `evaluate --out` wrote: .json or .parquet.")
    ] = None,
) -> None:
    """Write a head as a model hub takes it, with a generated model card.

    `hf upload OWNER/NAME DIR` puts the folder on the hub, and unprompt.from_pretrained reads it.
    """
    from unprompt.cli.output import quiet_stdout
    from unprompt.workflows.card import card as work

    with quiet_stdout():
        folder = work(checkpoint, to=to, suite=suite, licence=licence, data=data, results=results)
    typer.echo(folder)

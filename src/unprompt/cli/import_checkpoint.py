"""``unprompt import-checkpoint``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from unprompt.cli.options import Method


def import_checkpoint(
    method: Method,
    file: Annotated[Path, typer.Argument(help="The published weights: .pth, .pt or .safetensors.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="CHECKPOINT", help="File that the head is written to.")],
    suite: Annotated[str, typer.Option(help="The suite whose models the head stands on.")] = "paper",
    evidence: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Calibrate on the validation split of this; may be given several times."),
    ] = None,
    fpr: Annotated[float, typer.Option(help="Share of real pictures that may be called generated, in (0, 1).")] = 0.05,
    fnr: Annotated[float, typer.Option(help="Share of generated pictures that may be called real, in (0, 1).")] = 0.05,
    calibration: Annotated[
        Literal["platt", "isotonic", "temperature"], typer.Option(help="The map from the logit to a probability.")
    ] = "platt",
    band: Annotated[
        Literal["empirical", "conformal"],
        typer.Option(help="Whether --fpr and --fnr hold for the validation pictures or for new ones like them."),
    ] = "empirical",
) -> None:
    """Take in a head that its authors published: weights alone, nothing in the file is run."""
    from unprompt.cli.output import quiet_stdout
    from unprompt.workflows.import_checkpoint import import_checkpoint as work

    with quiet_stdout():
        head = work(
            method,
            file,
            out=out,
            suite=suite,
            evidence=evidence,
            fpr=fpr,
            fnr=fnr,
            calibration=calibration,
            band=band,
        )
    typer.echo(head)

"""``unprompt attribute``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from unprompt.cli.options import BatchSize, Device, Dtype, Format, Paths, Report, Speaking, Yes


def attribute(
    paths: Paths,
    generators: Annotated[
        str | None, typer.Option(metavar="a,b,c", help="Ask about these candidates alone; default: all of the suite's.")
    ] = None,
    suite: Speaking = "auto",
    form: Annotated[Format, typer.Option("--format", help="What is printed on stdout.")] = Format.TABLE,
    report: Report = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    batch_size: BatchSize = 32,
    yes: Yes = False,
) -> None:
    """Tell which generator made a picture, or none of these.

    Exit code: 0 = every input got an answer, 1 = some did not, 2 = wrong usage.
    """
    from unprompt.cli.output import ask, message, quiet_stdout
    from unprompt.cli.rows import print_rows
    from unprompt.report.attribution import AttributionSummary
    from unprompt.workflows.attribute import attribute as work
    from unprompt.workflows.prediction.inputs import listed

    with quiet_stdout():
        attributions = work(
            listed(paths, sys.stdin.buffer),
            generators=generators,
            suite=suite,
            batch_size=batch_size,
            device=device,
            dtype=dtype,
            report=report,
            yes=yes,
            ask=ask,
        )
    print_rows(attributions, AttributionSummary, form)
    if report is not None:
        message(f"report: {report / 'index.html'}")
    if any(attribution.generator is None for attribution in attributions):
        raise typer.Exit(1)

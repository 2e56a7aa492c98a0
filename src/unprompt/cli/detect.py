"""``unprompt detect``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from unprompt.cli.options import BatchSize, Device, Dtype, Format, Paths, Report, Speaking, Yes


def detect(
    paths: Paths,
    suite: Speaking = "auto",
    method: Annotated[str, typer.Option(help="The method that speaks: `unprompt methods` lists them.")] = "panel",
    form: Annotated[Format, typer.Option("--format", help="What is printed on stdout.")] = Format.TABLE,
    report: Report = None,
    fpr: Annotated[
        float | None, typer.Option(help="Call generated at this false-positive rate on validation pictures, in (0, 1).")
    ] = None,
    average: Annotated[int, typer.Option(help="Noise samples to average over; each costs as much again.")] = 1,
    prior: Annotated[float, typer.Option(help="Share of generated pictures to expect, in (0, 1).")] = 0.5,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    batch_size: BatchSize = 32,
    yes: Yes = False,
) -> None:
    """Judge pictures: generated, real or inconclusive.

    Every input gets a row. Equal pixels are judged once: their row says so. A file whose own name holds [, * or ?
    wins over the pattern; a pattern without a match is an error row.

    Exit code: 0 = every input got a verdict, 1 = some did not, 2 = wrong usage.
    """
    from unprompt.cli.output import ask, message, quiet_stdout
    from unprompt.cli.rows import print_rows
    from unprompt.report.summary import PredictionSummary
    from unprompt.workflows.detect import detect as work
    from unprompt.workflows.prediction.inputs import listed

    with quiet_stdout():
        predictions = work(
            listed(paths, sys.stdin.buffer),
            suite=suite,
            method=method,
            prior=prior,
            fpr=fpr,
            average=average,
            batch_size=batch_size,
            device=device,
            dtype=dtype,
            report=report,
            yes=yes,
            ask=ask,
        )
    print_rows(predictions, PredictionSummary, form)
    if report is not None:
        message(f"report: {report / 'index.html'}")
    if any(prediction.verdict is None for prediction in predictions):
        raise typer.Exit(1)

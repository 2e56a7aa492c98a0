"""``unprompt analyse``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unprompt.cli.options import Device, Dtype, MadeBy, Split, Yes


def analyse(
    figure: Annotated[
        str,
        typer.Argument(
            help="shift, alignment, consistency, tsne, roc, det, reliability or robustness.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the figure and of its numbers.")],
    evidence: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A folder that `extract` wrote; may be given several times."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="What `train` wrote; may be given several times.")
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="What `evaluate --robustness --out` wrote; may be given several times."),
    ] = None,
    numbers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a figure again from the numbers stored beside it.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="Whose evidence; default: the first that is there.")] = None,
    suite: MadeBy = None,
    split: Annotated[Split, typer.Option(help="The pictures to show.")] = "test",
    metric: Annotated[str, typer.Option(help="What robustness shows: auc, ap, accuracy, ...")] = "auc",
    pictures: Annotated[int, typer.Option(help="Pictures that t-SNE places at most.")] = 2000,
    suffix: Annotated[
        list[str] | None, typer.Option(help="svg, pdf or png; may be given several times; default: svg and pdf.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of t-SNE.")] = 0,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    yes: Yes = False,
) -> None:
    """Draw a figure of the papers from stored evidence, with its numbers beside it."""
    from unprompt.cli.output import ask, quiet_stdout
    from unprompt.workflows.analyse import analyse as work

    with quiet_stdout():
        files = work(
            figure,
            out=out,
            evidence=evidence,
            checkpoint=checkpoint,
            results=results,
            numbers=numbers,
            method=method,
            suite=suite,
            split=split,
            metric=metric,
            pictures=pictures,
            suffix=suffix,
            seed=seed,
            device=device,
            dtype=dtype,
            yes=yes,
            ask=ask,
        )
    for path in files:
        typer.echo(path)

"""``unprompt extract``, ``train`` and ``evaluate``: from pictures to evidence, a checkpoint and its numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unprompt.cli.options import Device, Dtype, Evidence, Method, Split, TableFormat

if TYPE_CHECKING:
    from unprompt.evaluation import EvaluationTable


def extract(
    method: Method,
    data: Annotated[str, typer.Option(metavar="SPEC", help="folder:PATH, manifest:FILE or miniature:.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the evidence; what is there is not made again.")],
    suite: Annotated[str, typer.Option(help="The models to ask: `unprompt suites` lists them.")] = "miniature",
    device: Device = "cpu",
    dtype: Dtype = "float32",
    perturb: Annotated[
        str,
        typer.Option(
            metavar="NAME:VALUE,...",
            help="Change the pictures first: jpeg:80, blur:2, noise:0.01, scale:0.75, flip:3, and others.",
        ),
    ] = "",
) -> None:
    """Let the frozen models make a method's evidence, once."""
    from unprompt.cli.output import quiet_stdout, tell
    from unprompt.workflows.extract import extract as work

    with quiet_stdout():
        folder = work(method, data=data, out=out, suite=suite, device=device, dtype=dtype, perturb=perturb, say=tell)
    typer.echo(folder)


def train(
    method: Method,
    evidence: Evidence,
    out: Annotated[Path, typer.Option(metavar="CHECKPOINT", help="File that the trained head is written to.")],
    suite: Annotated[
        str | None, typer.Option(help="The suite that made the evidence, if not the one it names.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    fpr: Annotated[float, typer.Option(help="Share of real pictures that may be called generated, in (0, 1).")] = 0.05,
    fnr: Annotated[float, typer.Option(help="Share of generated pictures that may be called real, in (0, 1).")] = 0.05,
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Another value for one of the method's options, as epochs=30."
        ),
    ] = None,
) -> None:
    """Train a method's head on stored evidence.

    It learns on the train split; its calibration and its thresholds come from the validation split.
    """
    from unprompt.cli.output import quiet_stdout, tell
    from unprompt.workflows.train import train as work

    with quiet_stdout():
        checkpoint = work(
            method,
            evidence=evidence,
            out=out,
            suite=suite,
            seed=seed,
            fpr=fpr,
            fnr=fnr,
            half=half,
            options=_settings(settings or []),
            say=tell,
        )
    typer.echo(checkpoint)


def _settings(pairs: list[str]) -> dict[str, Any]:
    """NAME=VALUE texts as a mapping; values are JSON (30, 0.5, true), anything else is a text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"got {pair!r}, expected NAME=VALUE, as epochs=30", param_hint="--set")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="File that `train` wrote.", show_default=False)],
    evidence: Evidence,
    split: Annotated[Split, typer.Option(help="The pictures to measure on.")] = "test",
    suite: Annotated[
        str | None, typer.Option(help="The suite that made the evidence, if not the one it names.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Probability above which a picture counts as generated.")] = 0.5,
    form: Annotated[TableFormat, typer.Option("--format", help="What is printed on stdout.")] = TableFormat.TABLE,
) -> None:
    """Measure a checkpoint: each generator, and all."""
    from unprompt.cli.output import quiet_stdout
    from unprompt.workflows.evaluate import evaluate as work

    with quiet_stdout():
        table = work(checkpoint, evidence=evidence, split=split, suite=suite, threshold=threshold)
    if form is TableFormat.JSON:
        typer.echo(json.dumps(table.to_dict(), indent=1, allow_nan=False))
    else:
        _print_table(table)


def _print_table(table: EvaluationTable) -> None:
    from unprompt.cli.output import print_table

    header = ["generator", *(name.replace("_", " ") for name in vars(table.macro))]
    rows = [
        [name, *(f"{value:.3f}" if isinstance(value, float) else str(value) for value in vars(row).values())]
        for name, row in table.rows()
    ]
    print_table(header, rows, right=header[1:])
    typer.echo(f"The accuracies count a picture as generated above a probability of {table.threshold:.3f}")

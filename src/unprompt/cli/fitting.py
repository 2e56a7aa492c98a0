"""``unprompt extract``, ``train`` and ``evaluate``: from pictures to evidence, a checkpoint and its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from unprompt.cli.options import (
    Accumulate,
    Device,
    Devices,
    Dtype,
    Evidence,
    MadeBy,
    Method,
    Precision,
    Settings,
    Split,
    TableFormat,
    Workers,
    Yes,
    chosen,
)


def extract(
    method: Method,
    data: Annotated[str, typer.Option(metavar="SPEC", help="What to read: `unprompt datasets` lists the words.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the evidence; what is there is not made again.")],
    suite: Annotated[str, typer.Option(help="The models to ask: `unprompt suites` lists them.")] = "miniature",
    spread: Annotated[
        int,
        typer.Option(help="Noise samples of some validation pictures: `train` measures how scores move."),
    ] = 1,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    perturb: Annotated[
        str,
        typer.Option(
            metavar="NAME:VALUE,...",
            help="Change the pictures first: jpeg:80, blur:2, noise:0.01, scale:0.75, flip:3, and others.",
        ),
    ] = "",
    settings: Settings = None,
    yes: Yes = False,
) -> None:
    """Let the frozen models make a method's evidence, once."""
    from unprompt.cli.output import ask, quiet_stdout
    from unprompt.workflows.extract import extract as work

    with quiet_stdout():
        folder = work(
            method,
            data=data,
            out=out,
            suite=suite,
            spread=spread,
            device=device,
            dtype=dtype,
            perturb=perturb,
            options=chosen(settings),
            yes=yes,
            ask=ask,
        )
    typer.echo(folder)


def train(
    method: Method,
    evidence: Evidence,
    out: Annotated[Path, typer.Option(metavar="CHECKPOINT", help="File that the trained head is written to.")],
    suite: MadeBy = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    fpr: Annotated[float, typer.Option(help="Share of real pictures that may be called generated, in (0, 1).")] = 0.05,
    fnr: Annotated[float, typer.Option(help="Share of generated pictures that may be called real, in (0, 1).")] = 0.05,
    calibration: Annotated[
        Literal["platt", "isotonic", "temperature"], typer.Option(help="The map from a head's logit to a probability.")
    ] = "platt",
    band: Annotated[
        Literal["empirical", "conformal"],
        typer.Option(help="Whether --fpr and --fnr hold for the validation pictures or for new ones like them."),
    ] = "empirical",
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16.")] = False,
    generators: Annotated[
        str | None, typer.Option(metavar="a,b,c", help="Leave out what other generators drew; default: use all.")
    ] = None,
    device: Device = "cpu",
    devices: Devices = 1,
    precision: Precision = "32",
    accumulate: Accumulate = 1,
    workers: Workers = 0,
    patience: Annotated[
        int | None, typer.Option(help="End so many epochs after the best validation loss; default: all epochs.")
    ] = None,
    logger: Annotated[
        Literal["csv", "tensorboard", "wandb"] | None, typer.Option(help="Log each epoch's losses.")
    ] = None,
    log_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the logs; default: CHECKPOINT.logs.")
    ] = None,
    settings: Settings = None,
) -> None:
    """Train a method's head on stored evidence.

    It learns on the train split; its calibration and its thresholds come from the validation split.
    """
    from unprompt.cli.output import progress, quiet_stdout
    from unprompt.workflows.train import train as work

    with quiet_stdout(), progress() as watch:
        checkpoint = work(
            method,
            evidence=evidence,
            out=out,
            suite=suite,
            seed=seed,
            fpr=fpr,
            fnr=fnr,
            calibration=calibration,
            band=band,
            half=half,
            generators=generators,
            device=device,
            devices=devices,
            precision=precision,
            accumulate=accumulate,
            workers=workers,
            patience=patience,
            logger=logger,
            log_dir=log_dir,
            options=chosen(settings),
            watch=watch,
        )
    typer.echo(checkpoint)


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="File that `train` wrote.", show_default=False)],
    evidence: Evidence,
    split: Annotated[Split, typer.Option(help="The pictures to measure on.")] = "test",
    suite: MadeBy = None,
    threshold: Annotated[float, typer.Option(help="Probability above which a picture counts as generated.")] = 0.5,
    fpr: Annotated[
        float | None, typer.Option(help="Move the upper threshold of the verdicts to this false-positive rate.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="CHECKPOINT", help="Tell the difference from this one, on the same pictures.")
    ] = None,
    robustness: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GRID",
            help="Measure after perturbations too: sare, sare-flips, semgir, tidy, item, papers, or NAME:VALUE,...; "
            "may be given several times.",
        ),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="GENERATOR=COLLECTION", help="The real pictures that a generator is measured against."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Write all figures: .parquet, .json, .md, .html or .tex; may be given several times."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Draws of the bootstrap; 0 = no intervals.")] = 1000,
    level: Annotated[float, typer.Option(help="Share that the intervals are to cover.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    form: Annotated[TableFormat, typer.Option("--format", help="What is printed on stdout.")] = TableFormat.TABLE,
) -> None:
    """Measure a checkpoint: each generator, and all, with intervals."""
    from unprompt.cli.figures import print_evaluation
    from unprompt.cli.output import message, quiet_stdout
    from unprompt.workflows.evaluate import evaluate as work

    with quiet_stdout():
        table = work(
            checkpoint,
            evidence=evidence,
            split=split,
            suite=suite,
            threshold=threshold,
            fpr=fpr,
            against=against,
            robustness=robustness,
            pair=pair,
            out=out,
            repeats=repeats,
            level=level,
            seed=seed,
            device=device,
            dtype=dtype,
        )
    for path in out or ():
        message(f"results: {path}")
    print_evaluation(table, form)

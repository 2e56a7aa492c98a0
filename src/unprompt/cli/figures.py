"""What ``evaluate`` prints: the table, what the checkpoint's thresholds made of it, perturbations, the comparison."""

from __future__ import annotations

import json

import typer

from unprompt.cli.flags import TableFormat
from unprompt.cli.tables import print_table
from unprompt.evaluation import AttributionTable, Bounds, EvaluationTable, Interval, Verdicts
from unprompt.report.results import METRICS, differences, words


def show_evaluation(table: EvaluationTable | AttributionTable, form: TableFormat) -> None:
    """All of it."""
    if form == "json":
        typer.echo(json.dumps(table.to_dict(), indent=1, allow_nan=False))
    elif isinstance(table, AttributionTable):
        _print_attribution(table)
    else:
        _print_figures(table)
        if table.perturbed:
            _print_perturbed(table)
        if table.against:
            grid = differences(table.against)
            typer.echo(f"\n{grid.title}:")
            print_table(grid.header, grid.rows, right=grid.header[1:])


def _print_figures(table: EvaluationTable) -> None:
    header = ["generator", *(name.replace("_", " ") for name in vars(table.macro))]
    rows = [
        [
            name,
            *(
                _number(value, table.intervals.get(name, {}).get(metric) if metric == "auc" else None)
                for metric, value in vars(row).items()
            ),
        ]
        for name, row in table.rows()
    ]
    print_table(header, rows, right=header[1:])
    typer.echo(f"The accuracies count a picture as generated above a probability of {table.threshold:.3f},")
    typer.echo("the raw one above 0.5 of the head's own output, before its calibration")
    if table.ungrounded:
        shares = " and ".join(f"{share:.1%} of the {name}" for name, share in table.ungrounded.items())
        typer.echo(f"No object was grounded in {shares} pictures")
    if interval := table.intervals.get("pooled", {}).get("auc"):
        typer.echo(f"In brackets: the {100 * interval.level:g} % interval; those of the other figures: --format json")
    if table.bounds:
        _print_promise(table.bounds, table.verdicts["pooled"])


def _print_promise(bounds: Bounds, verdicts: Verdicts) -> None:
    share = {name: f"{100 * value:.1f} %" for name, value in vars(verdicts).items()}
    whose = "new pictures like those of validation (conformal)" if bounds.conformal else "the validation pictures"
    typer.echo(
        f"Verdicts by the checkpoint's thresholds, {bounds.lower:.3f} and {bounds.upper:.3f}: "
        f"{share['real_called_generated']} of real ones called generated (promised: {100 * bounds.fpr:g} % or less), "
        f"{share['generated_called_real']} of generated ones called real ({100 * bounds.fnr:g} % or less), "
        f"{share['real_inconclusive']} and {share['generated_inconclusive']} inconclusive; promised of {whose}"
    )


def _print_perturbed(table: EvaluationTable) -> None:
    typer.echo("\nAll generators, after a perturbation:")
    rows = []
    for name, one in {"none": table, **table.perturbed}.items():
        bounds = one.intervals.get("pooled", {})
        rows.append([name, *(_number(getattr(one.pooled, metric), bounds.get(metric)) for metric in METRICS)])
    header = ["perturbation", *map(words, METRICS)]
    print_table(header, rows, right=header[1:])


def _number(value: float | int, interval: Interval | None) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return f"{text} [{interval.low:.3f}, {interval.high:.3f}]" if interval else text


def _print_attribution(table: AttributionTable) -> None:
    """The confusion matrix, then each candidate against the rest."""
    header = ["made by", *table.answers, "pictures", "failed", "accuracy"]
    rows = [
        [
            name,
            *(str(row.answers[answer]) for answer in table.answers),
            str(row.n),
            str(row.n_failed),
            f"{row.accuracy:.3f}",
        ]
        for name, row in table.rows.items()
    ]
    print_table(header, rows, right=header[1:])
    typer.echo()
    against = ["candidate", "accuracy", "balanced accuracy", "auc", "ap"]
    print_table(
        against,
        [[name, *(f"{value:.3f}" for value in vars(head).values())] for name, head in table.heads.items()],
        right=against[1:],
    )
    right = f"{table.accuracy:.1%} got the right answer, mean of generators {table.macro:.1%}"
    typer.echo(f"\nOf all generated pictures {right}")
    if table.outsiders is not None:
        typer.echo(f"Of the unseen generators' pictures {table.outsiders:.1%} are called none of these")

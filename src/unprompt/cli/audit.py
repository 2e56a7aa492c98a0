"""``unprompt audit``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unprompt.cli.options import TableFormat

if TYPE_CHECKING:
    from unprompt.auditing import Audit, Profile


def audit(
    data: Annotated[str, typer.Option(metavar="SPEC", help="What to read: `unprompt datasets` lists the words.")],
    form: Annotated[TableFormat, typer.Option("--format", help="What is printed on stdout.")] = TableFormat.TABLE,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write a page with plots into this folder.")
    ] = None,
    align: Annotated[
        str | None,
        typer.Option(metavar="jpeg:96,size:512", help="Also re-encode and size both classes alike, into --out."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the aligned view.")] = None,
    workers: Annotated[int | None, typer.Option(help="Threads that read; by default one a core.")] = None,
) -> None:
    """Tell what a dataset's files betray: formats, sizes, compression, copies.

    Exit code: 0 = audited, whatever was found.
    """
    from unprompt.cli.output import message, quiet_stdout
    from unprompt.workflows.audit import audit as work

    with quiet_stdout():
        inventory = work(data, report=report, align=align, out=out, workers=workers)
    if form is TableFormat.JSON:
        typer.echo(json.dumps(inventory.to_dict(), indent=1, allow_nan=False))
    else:
        _print(inventory)
    if report is not None:
        message(f"report: {report / 'index.html'}")


def _print(inventory: Audit) -> None:
    from unprompt.cli.output import print_dataclasses, print_table
    from unprompt.report.words import printable

    auc = inventory.bias.generators if inventory.bias else {}
    header = ["truth", "generator", "pictures", "unreadable", "formats", "longer side", "commonest sizes", "quality"]
    header.append("metadata AUC")
    rows = [
        [*_cells(one), f"{auc[one.generator]:.2f}" if one.label and one.generator in auc else ""]
        for one in inventory.profiles
    ]
    print_table(header, rows, right=["pictures", "unreadable", "metadata AUC"])
    for group in inventory.copies:
        across = " and ".join(word for word in ("classes", "splits") if getattr(group, f"across_{word}"))
        typer.echo(f"{group.kind} across {across}:")
        for one in group.pictures:
            truth = {0: "real", 1: "generated", None: "unknown"}[one.label]
            typer.echo(printable(f"  {truth}, {one.generator or 'no name'}, {one.split}: {one.uri}"))
    for shared in inventory.prompts:
        typer.echo(printable(f"prompt in {', '.join(shared.splits)}: {shared.prompt}"))
    for uri in inventory.misnamed:
        typer.echo(printable(f"wrong suffix: {uri}"))
    for bad in inventory.unreadable:
        typer.echo(printable(f"unreadable: {bad.error}"))
    print_dataclasses(inventory.findings())


def _cells(profile: Profile) -> list[str]:
    return [
        {0: "real", 1: "generated", None: "unknown"}[profile.label],
        profile.generator,
        str(profile.pictures),
        str(profile.unreadable),
        ", ".join(f"{name} {count}" for name, count in profile.formats.items()),
        _range(profile.side),
        ", ".join(f"{size} {count}" for size, count in profile.sizes.items() if count > 1)[:80],
        _range(profile.quality),
    ]


def _range(spread: tuple[int, int, int] | None) -> str:
    """Least, median and greatest in words."""
    if spread is None:
        return ""
    least, median, most = spread
    return str(least) if least == most else f"{least}-{most} ({median})"

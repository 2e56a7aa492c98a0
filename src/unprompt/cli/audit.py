"""An audit -> a table or JSON on stdout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import typer

from unprompt.cli.flags import TableFormat
from unprompt.cli.tables import print_dataclasses, print_table
from unprompt.report.words import TRUTHS, printable
from unprompt.types import Label

if TYPE_CHECKING:
    from unprompt.auditing import Audit, Profile


_TRUTHS: Final[dict[Label | None, str]] = {0: TRUTHS[0], 1: TRUTHS[1], None: "unknown"}


def show_audit(audit: Audit, form: TableFormat) -> None:
    """Print all of it."""
    if form == "json":
        typer.echo(json.dumps(audit.to_dict(), indent=1, allow_nan=False))
        return
    auc = audit.bias.generators if audit.bias else {}
    header = ["truth", "generator", "pictures", "unreadable", "formats", "longer side", "commonest sizes", "quality"]
    header.append("metadata AUC")
    rows = [
        [*_cells(one), f"{auc[one.generator]:.2f}" if one.label and one.generator in auc else ""]
        for one in audit.profiles
    ]
    print_table(header, rows, right=["pictures", "unreadable", "metadata AUC"])
    for group in audit.copies:
        across = " and ".join(word for word in ("classes", "splits") if getattr(group, f"across_{word}"))
        typer.echo(f"{group.kind} across {across}:")
        for one in group.pictures:
            typer.echo(printable(f"  {_TRUTHS[one.label]}, {one.generator or 'no name'}, {one.split}: {one.uri}"))
    for shared in audit.prompts:
        typer.echo(printable(f"prompt in {', '.join(shared.splits)}: {shared.prompt}"))
    for uri in audit.misnamed:
        typer.echo(printable(f"wrong suffix: {uri}"))
    for bad in audit.unreadable:
        typer.echo(printable(f"unreadable: {bad.error}"))
    print_dataclasses(audit.findings())


def _cells(profile: Profile) -> list[str]:
    return [
        _TRUTHS[profile.label],
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

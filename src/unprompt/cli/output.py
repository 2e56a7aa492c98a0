"""Two streams: results on stdout, everything else on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from unprompt.report.words import printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from unprompt.training.state import Report
    from unprompt.workflows.doctor import Check

UNCUT = 100_000
"""Columns of a console that is no terminal: wider than any row."""

_STYLES = {
    "generated": "bold dark_orange",
    "real": "bold blue",
    "error": "bold magenta",
    "pass": "green",
    "warn": "bold dark_orange",
    "fail": "bold magenta",
}


def message(line: str) -> None:
    """One line on stderr: progress, warnings, errors."""
    typer.echo(printable(line), err=True)


class MessageHandler(logging.Handler):
    """What the package logs, as lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's message, marked as a warning where it is one."""
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        message(f"{prefix}{record.getMessage()}")


def show_log() -> None:
    """Send the package's log, from INFO on, to stderr; a second call changes nothing."""
    logger = logging.getLogger("unprompt")
    logger.setLevel(logging.INFO)
    if not any(isinstance(one, MessageHandler) for one in logger.handlers):
        logger.addHandler(MessageHandler())


def confirm(question: str) -> bool:
    """Ask at the terminal, where no ends the command; False without a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    typer.confirm(f"{question}. Go on?", abort=True, err=True)
    return True


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Send to stderr what libraries print while a workflow runs: stdout is for the result."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def progress(wanted: bool) -> Iterator[dict[str, Callable[[Report], None]]]:
    """``watch`` for a training, which draws a bar of its epochs on a terminal's stderr; {} if not wanted."""
    if not wanted:
        yield {}
        return
    columns = (TextColumn("epoch {task.completed:.1f}/{task.total:.0f}"), BarColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("", total=1, visible=False)

        def watch(report: Report) -> None:
            loss = f"loss {report.loss:.4f}"
            bar.update(task, completed=report.epoch, total=report.epochs, description=loss, visible=True)

        yield {"watch": watch}


def show_path(path: Path) -> None:
    """A file or folder that was made."""
    typer.echo(path)


def show_paths(paths: Sequence[Path]) -> None:
    """Files that were made, a line each."""
    for path in paths:
        typer.echo(path)


def show_checks(checks: Sequence[Check]) -> int:
    """What ``doctor`` found; 1 where something fails."""
    print_dataclasses(checks)
    return int(any(check.status == "fail" for check in checks))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table on stdout, with the columns named in ``right`` set flush right; columns without a word are left out.

    Never cut: a terminal folds long cells, a pipe gets each row in one line.
    """
    kept = [number for number, column in enumerate(zip(*rows, strict=True)) if any(column)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (header[number] for number in kept):
        table.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name in right)
    for row in rows:
        table.add_row(
            *(Text(printable(cell), style=_STYLES.get(cell, "")) for cell in (row[number] for number in kept))
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = UNCUT
    console.print(table)


def print_dataclasses(rows: Sequence[DataclassInstance]) -> None:
    """A table on stdout with a column for each field; nothing without a row."""
    if rows:
        cells = [[_cell(value) for value in astuple(row)] for row in rows]
        print_table([field.name for field in fields(rows[0])], cells)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_cell, value))
    return "" if value is None else str(value)

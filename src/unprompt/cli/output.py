"""Two streams: results on stdout, everything else on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from unprompt.cli.tables import print_dataclasses
from unprompt.report.words import printable

if TYPE_CHECKING:
    from unprompt.training.state import Report
    from unprompt.workflows.doctor import Check


log = logging.getLogger("unprompt.cli")


def message(line: str) -> None:
    """One line on stderr: progress, warnings, errors."""
    typer.echo(printable(line), err=True)


class MessageHandler(logging.Handler):
    """What the package logs, as lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's message, marked as a warning where it is one; all that is known of it where DEBUG is."""
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        if log.isEnabledFor(logging.DEBUG):
            prefix = f"{record.relativeCreated / 1000:8.1f} s  {prefix}"
        message(f"{prefix}{record.getMessage()}")
        if record.exc_info:
            typer.echo(logging.Formatter().formatException(record.exc_info), err=True)


def show_log(quiet: bool = False, verbose: bool = False) -> None:
    """Send the package's log to stderr: from WARNING on where ``quiet``, from DEBUG on where ``verbose``, else INFO."""
    logger = logging.getLogger("unprompt")
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
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
def progress() -> Iterator[dict[str, Callable[[Report], None]]]:
    """``watch`` for a training, which draws a bar of its epochs on a terminal's stderr."""
    columns = (TextColumn("epoch {task.completed:.1f}/{task.total:.0f}"), BarColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    hidden = not (console.is_terminal and log.isEnabledFor(logging.INFO))
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=hidden)
    with bar:
        task = bar.add_task("", total=1, visible=False)

        def watch(report: Report) -> None:
            loss = f"loss {report.loss:.4f}"
            bar.update(task, completed=report.epoch, total=report.epochs, description=loss, visible=True)

        yield {"watch": watch}


def show_path(path: Path) -> None:
    """A file or folder that was made."""
    typer.echo(path)


def show_line(line: str) -> None:
    """An answer in words."""
    typer.echo(line)


def show_paths(paths: Sequence[Path]) -> None:
    """Files that were made, a line each."""
    for path in paths:
        typer.echo(path)


def show_checks(checks: Sequence[Check]) -> int:
    """What ``doctor`` found, after what is wrong with the settings; 1 where something fails."""
    from unprompt.cli.checking import checks as of_settings

    found = [*of_settings(), *checks]
    print_dataclasses(found)
    return int(any(check.status == "fail" for check in found))

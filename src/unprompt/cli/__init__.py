"""The command line: read the flags, call a workflow, print or encode. Every decision is the workflow's."""

from __future__ import annotations

import io
import sys

from unprompt.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the terminal cannot show
    app()

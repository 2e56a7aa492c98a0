"""The command line: read the flags, call a workflow, print or encode. Every decision is the workflow's."""

from __future__ import annotations

import errno
import io
import os
import sys

from unprompt.cli.app import app
from unprompt.processors import prepare_environment

__all__ = ["app", "main"]


def main() -> None:
    """The console script."""
    prepare_environment()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the terminal cannot show
    try:
        app()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise
        # What is still buffered would fail again, with a traceback, when the interpreter flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(
            f"error: the output cannot be written ({error.strerror}); make room, or send it elsewhere", file=sys.stderr
        )
        sys.exit(1)

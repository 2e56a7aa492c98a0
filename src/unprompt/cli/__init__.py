"""The command line: read the flags, call a workflow, print or encode. Every decision is the workflow's."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from typing import Final

from unprompt.cli.app import app
from unprompt.processors import prepare_environment

__all__ = ["app", "main"]

GARBAGE: Final = 50_000
"""Objects between two looks for unreachable ones: the imports make 10^5 that stay."""


def main() -> None:
    """The console script."""
    prepare_environment()
    gc.set_threshold(GARBAGE)
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
    finally:
        gc.freeze()  # else the interpreter looks through all that torch has made before it ends

"""The folder of a report: what can be said of it before anything is computed, and how it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unprompt.errors import OptionError, StoreError
from unprompt.urls import local_path


def check_report(folder: Path | str | None, no_pictures: bool = False) -> None:
    """OptionError for a report that could not be written, or that is to be without pictures and is none."""
    if folder is None:
        if no_pictures:
            raise OptionError("--no-pictures is given, but there is no report: add --report DIR, or leave it out")
        return
    whole = local_path(folder, "--report").absolute()
    found = next(one for one in (whole, *whole.parents) if one.exists())
    if not found.is_dir() or not os.access(found, os.W_OK):
        what = "may not be written to" if found.is_dir() else "is a file"
        raise OptionError(
            f"--report is {str(folder)!r}, but {found} {what}; expected a folder, or where one can be made"
        )


def check_new_page(folder: Path | str | None, rows: Path | None) -> None:
    """OptionError where a page lies in ``folder`` and a run that goes on with ``rows`` would show the rest alone."""
    if folder is not None and rows is not None and (page := Path(folder) / "index.html").exists():
        raise OptionError(
            f"--report is {str(folder)!r}, but {page} shows pictures that have a row in {rows} already, and a new page "
            "would not: name another folder for the rest, or move both away to judge all again"
        )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """StoreError where the report in ``folder`` cannot be written."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{folder}: the report cannot be written ({error}); expected a folder with free space that you may "
            "write to: make room or name another --report"
        ) from error

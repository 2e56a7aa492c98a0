"""The package's folder in the user's cache: what can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Final

from unprompt.errors import StoreError

OWN: Final = "UNPROMPT_HOME"
SHARED: Final = "XDG_CACHE_HOME"


def cache_folder() -> Path:
    """What UNPROMPT_HOME names, else ``unprompt`` in the folder that XDG_CACHE_HOME names, else in ``~/.cache``.

    StoreError where that is a file, or lies within one.
    """
    if own := os.environ.get(OWN):
        return _checked(OWN, Path(own).expanduser())
    return _checked(SHARED, Path(os.environ.get(SHARED) or Path.home() / ".cache") / "unprompt")


def _checked(variable: str, folder: Path) -> Path:
    if found := next((one for one in (folder, *folder.parents) if one.exists() and not one.is_dir()), None):
        raise StoreError(
            f"{variable} puts the caches into {str(folder)!r}, but {found} is a file; expected a folder, or where one "
            "can be made: correct the variable"
        )
    return folder


def url_folder(url: str) -> Path:
    """Where weights from an address lie, once fetched."""
    return weights_folder(PurePosixPath(url).stem)


def weights_folder(name: str) -> Path:
    """Where weights lie that were converted once."""
    return cache_folder() / "weights" / name

"""The package's folder in the user's cache: what can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from unprompt.errors import StoreError


def cache_folder() -> Path:
    """What UNPROMPT_HOME names, else ``unprompt`` in the folder that XDG_CACHE_HOME names, else in ``~/.cache``.

    StoreError where UNPROMPT_HOME is a file, or lies within one.
    """
    if own := os.environ.get("UNPROMPT_HOME"):
        folder = Path(own).expanduser()
        if found := next((one for one in (folder, *folder.parents) if one.exists() and not one.is_dir()), None):
            raise StoreError(
                f"UNPROMPT_HOME is {own!r}, but {found} is a file; expected a folder, or where one can be made: "
                "correct it, or unset it"
            )
        return folder
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unprompt"


def url_folder(url: str) -> Path:
    """Where weights from an address lie, once fetched."""
    return weights_folder(PurePosixPath(url).stem)


def weights_folder(name: str) -> Path:
    """Where weights lie that were converted once."""
    return cache_folder() / "weights" / name

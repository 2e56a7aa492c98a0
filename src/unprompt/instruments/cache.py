"""The package's folder in the user's cache: what can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath


def cache_folder() -> Path:
    """What UNPROMPT_HOME names, else ``unprompt`` in the folder that XDG_CACHE_HOME names, else in ``~/.cache``."""
    if own := os.environ.get("UNPROMPT_HOME"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unprompt"


def url_folder(url: str) -> Path:
    """Where weights from an address lie, once fetched."""
    return weights_folder(PurePosixPath(url).stem)


def weights_folder(name: str) -> Path:
    """Where weights lie that were converted once."""
    return cache_folder() / "weights" / name

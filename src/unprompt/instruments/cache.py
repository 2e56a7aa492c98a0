"""The package's folder in the user's cache: what can be made, measured or fetched again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

from unprompt.errors import StoreError
from unprompt.structured_text import read_object

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


def noted(kind: str, key: object) -> Mapping[str, Any]:
    """What :func:`note` kept of a key, which JSON can say; empty without a note that can be read."""
    try:
        return read_object(_note(kind, key))
    except (OSError, ValueError, StoreError):
        return {}


def note(kind: str, key: object, found: Mapping[str, object]) -> None:
    """Keep what was found of a key, whole or not at all; OSError or StoreError where the cache cannot be written."""
    file = _note(kind, key)
    aside = file.with_suffix(f".{os.getpid()}")
    file.parent.mkdir(parents=True, exist_ok=True)
    aside.write_text(json.dumps({"key": key, **found}, sort_keys=True), "utf-8")
    try:
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def forget(kind: str, key: object) -> None:
    """Remove what was kept of a key, if it can be."""
    with suppress(OSError, StoreError):
        _note(kind, key).unlink(missing_ok=True)


def _note(kind: str, key: object) -> Path:
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / kind / f"{name}.json"

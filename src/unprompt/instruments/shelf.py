"""The suites that the package carries, and where the file of a named one lies."""

from __future__ import annotations

from importlib import import_module, resources
from pathlib import Path
from typing import Final

from unprompt.errors import OptionError

FAKE: Final = "fake"
"""The embedded suite of random weights, which are made in the user's cache at its first use."""


def embedded() -> list[str]:
    """Names of the suites that the package carries, sorted."""
    return sorted(file.parent.name for file in _shelf().glob("*/suite.toml"))


def shipped(name: str) -> Path:
    """The file of an embedded suite; reading it makes and loads nothing."""
    return _shelf() / name / "suite.toml"


def _shelf() -> Path:
    return Path(str(resources.files("unprompt"))) / "suites"


def file_of(name_or_path: str | Path) -> Path:
    """The file of an embedded suite by name, or of another by its path; OptionError where there is none."""
    if isinstance(name_or_path, str) and name_or_path in embedded():
        if name_or_path == FAKE:
            testing = import_module("unprompt.testing.fake_paper")  # by name, as CLASSES: a package above this one
            return Path(testing.cached_fake_suite()) / "suite.toml"
        return shipped(name_or_path)
    path = Path(name_or_path)
    file = path / "suite.toml" if path.is_dir() else path
    if file.suffix != ".toml" or not file.is_file():
        raise OptionError(
            f"no suite {str(name_or_path)!r}: expected one of {', '.join(embedded()) or '(none embedded)'}, "
            "or the path of a suite's folder or .toml file"
        )
    return file.absolute()

"""The recipes that the package carries, and those of one's own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

from unprompt.errors import DataError, OptionError
from unprompt.evaluation import FigureRecipe, TableRecipe
from unprompt.structured_text import read_toml

FOLDER: Final = "papers"
"""Inside the package, so that a wheel carries the recipes too."""


def recipe(name: str) -> TableRecipe | FigureRecipe:
    """The recipe PAPER/TABLE that the package carries, or that of a file of one's own; OptionError for neither."""
    if name.endswith(".toml"):
        return _read(Path(name).with_suffix("").name, Path(name))
    known = recipes()
    if name not in known:
        raise OptionError(
            f"got the table {name!r}, expected one of {', '.join(known)}, or the path of a recipe's .toml"
        )
    return _read(name, known[name])


def recipes() -> dict[str, Path]:
    """PAPER/TABLE -> file, sorted."""
    folder = Path(str(resources.files("unprompt") / FOLDER))
    found = {f"{path.parent.name}/{path.stem}": path for path in folder.glob("*/*.toml")}
    return dict(sorted(found.items()))


def _read(name: str, path: Path) -> TableRecipe | FigureRecipe:
    try:
        table = read_toml(path)
        return FigureRecipe.from_dict(name, table) if "figure" in table else TableRecipe.from_dict(name, table)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as a recipe ({error}); expected a TOML file like those shipped"
        ) from error

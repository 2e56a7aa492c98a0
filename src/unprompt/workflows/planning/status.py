"""Which tables, and which of their rows, can be run with a suite and the data at hand. No model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from unprompt.detectors import ATTRIBUTORS
from unprompt.errors import DataError, UnpromptError
from unprompt.evaluation import FigureRecipe, RecipeRow, TableRecipe
from unprompt.instruments import Manifest
from unprompt.report.words import counted
from unprompt.workflows.laboratory.cells import Bench, suite_candidates, varied_suite
from unprompt.workflows.planning.costs import extractors_of, members, specs_of
from unprompt.workflows.planning.recipe_files import recipe, recipes
from unprompt.workflows.planning.recipes import RecipeSamples, select
from unprompt.workflows.planning.recipes import specs_of as data_of

PRINTED: Final = "printed alone: this package has no such method"


@dataclass(frozen=True)
class RecipeStatus:
    """One recipe, and what it lacks."""

    name: str
    title: str
    status: str
    """runnable; or so many of its rows; or of how many things something is missing to all."""
    lacking: tuple[str, ...] = ()
    """What rows that cannot be run lack, or all."""


def statuses(suite: str | Path, data: Sequence[str], name: str | None = None) -> tuple[RecipeStatus, ...]:
    """Every recipe that the package carries, or one; pictures are asked about where ``data`` names some.

    SuiteError for a suite that there is not.
    """
    Manifest.read(suite)
    with TemporaryDirectory() as folder:
        names = recipes() if name is None else [name]
        return tuple(_status(recipe(one), str(suite), data, Path(folder)) for one in names)


def left_out(recipe: TableRecipe | FigureRecipe, bench: Bench) -> dict[str, str]:
    """Row -> why it cannot be run with this suite and these pictures."""
    candidates = [one.generator for one in bench.selection.candidates]
    lacking = _missing(recipe, bench.suite, bench.folder / "suites", candidates)
    few = {row.name: _too_few(row, bench.selection) for row in recipe.rows if row.name not in lacking}
    return lacking | {name: why for name, why in few.items() if why}


def _too_few(row: RecipeRow, selection: RecipeSamples) -> str:
    """Why a row that names its number of pictures cannot have them, or nothing."""
    if row.pictures is None or (there := selection.fewest(row)) >= row.pictures:
        return ""
    return f"it learns from {row.pictures} pictures of each class, and there are {there}"


def _missing(recipe: TableRecipe | FigureRecipe, suite: str, folder: Path, candidates: Sequence[str]) -> dict[str, str]:
    found = {row.name: _lacking(row, suite, folder, candidates) for row in recipe.rows if not row.stack}
    lacking = {name: why for name, why in found.items() if why}
    stacks = {row.name: [lacking[name] for name in row.stack if name in lacking] for row in recipe.rows if row.stack}
    return lacking | {name: whys[0] for name, whys in stacks.items() if whys}


def _lacking(row: RecipeRow, suite: str, folder: Path, candidates: Sequence[str]) -> str:
    """Why a row cannot be run, or nothing; a suite with other models is written into ``folder``."""
    if not row.method:
        return PRINTED
    try:
        manifest = Manifest.read(varied_suite(suite, row, folder))
        if row.method in ATTRIBUTORS:
            suite_candidates(manifest, row.method, candidates)
        extractors = extractors_of(row.method, manifest)
        for one in (member for extractor in extractors for member in members(extractor)):
            for role in one.roles:
                if role not in manifest.instruments_of(one.method):
                    return f"suite {manifest.called!r} has no {role}"
        for spec in specs_of(manifest, extractors):
            manifest.origin(spec)
    except UnpromptError as error:
        return str(error)
    return ""


def _status(recipe: TableRecipe | FigureRecipe, suite: str, data: Sequence[str], folder: Path) -> RecipeStatus:
    try:
        selection = select(recipe, data_of(recipe, data, suite)) if data else None
    except DataError as error:  # another benchmark's layout, for one
        return RecipeStatus(recipe.name, recipe.title, _missing_words(1), (str(error),))
    candidates = [one.generator for one in selection.candidates] if selection else []
    missing, problems = _missing(recipe, suite, folder, candidates), selection.problems if selection else ()
    wanted = [row.name for row in recipe.rows if row.method]
    reasons = list(dict.fromkeys(missing[name] for name in wanted if name in missing))
    able = sum(name not in missing for name in wanted)
    if problems or not able:
        lacking = tuple(problems or reasons)
        return RecipeStatus(recipe.name, recipe.title, _missing_words(len(lacking)), lacking)
    told = "runnable" if able == len(wanted) else f"{able} of {len(wanted)} rows"
    return RecipeStatus(recipe.name, recipe.title, told, tuple(reasons))


def _missing_words(number: int) -> str:
    return f"missing: {counted(number, 'thing')}"

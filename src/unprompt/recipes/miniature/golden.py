"""Stage: a few of the example pictures beside the suite, and what its heads say of them, for ``doctor --selftest``."""

from __future__ import annotations

import shutil
from itertools import groupby
from typing import Final

from unprompt.detectors.golden import FOLDER
from unprompt.errors import DataError
from unprompt.instruments import Suite
from unprompt.recipes.miniature.stage import BuildContext, Stage, put
from unprompt.workflows.prediction.selftest import measure

EACH: Final = 3
"""Pictures of each family."""


def make(context: BuildContext) -> dict[str, float]:
    """The first example pictures of each family, none chosen, and the scores of all heads."""
    folder = context.suite / FOLDER
    found = sorted(path.relative_to(context.examples) for path in context.examples.rglob("*.jpg"))
    if not found:
        raise DataError(f"{context.examples} holds no example pictures, expected some: make the stage examples first")
    families = groupby(found, lambda path: path.as_posix().rpartition("-")[0])
    names = [path.as_posix() for _, family in families for path in list(family)[:EACH]]
    shutil.rmtree(folder, ignore_errors=True)
    for name in names:
        put(folder / name, (context.examples / name).read_bytes())
    golden = measure(Suite.load(context.suite), folder, names)
    golden.write(folder)
    return {"pictures": float(len(names)), "methods": float(len(golden.probabilities))}


STAGE = Stage("golden", make)

"""Stage: the pictures that are shipped to be judged, of scenes that nothing was trained, fitted or measured on."""

from __future__ import annotations

from typing import Final

from unprompt.datasets.miniature import DRAWN_SEEDS, drawings, kept, photographs, scenes, unseen_generators
from unprompt.instruments import Suite
from unprompt.recipes.miniature.stage import BuildContext, Stage, put
from unprompt.scenes.corpus import EXAMPLE_SEEDS

REAL: Final = 16
DRAWN: Final = 8
"""Of each generator."""
APART: Final = 1000
"""No two generators draw the same scene."""
UNSEEN_SEEDS: Final = range(EXAMPLE_SEEDS + 2 * DRAWN_SEEDS, EXAMPLE_SEEDS + 2 * DRAWN_SEEDS + DRAWN)
"""Scenes that an unseen generator drew."""


def make(context: BuildContext) -> dict[str, float]:
    """``real/scene-00.jpg`` and ``generated/diffusion-00.jpg``: the first scenes of their seeds, none chosen."""
    suite = Suite.load(context.suite)
    made = {"real/scene": photographs(scenes, range(EXAMPLE_SEEDS, EXAMPLE_SEEDS + REAL))}
    for number, name in enumerate(suite.generators):
        first = EXAMPLE_SEEDS + DRAWN_SEEDS + APART * number
        made[f"generated/{name}"] = photographs(drawings(suite, name), range(first, first + DRAWN))
    for name, folder in unseen_generators([suite]).items():
        made[f"generated/{name}"] = kept(folder, UNSEEN_SEEDS)
    for name, files in made.items():
        for number, jpeg in enumerate(files):
            put(context.examples / f"{name}-{number:02}.jpg", jpeg)
    return {name: float(len(files)) for name, files in made.items()}


STAGE = Stage("examples", make)

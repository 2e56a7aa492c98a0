"""Stage: the pictures that the heads learn from and are measured on, drawn by the assembled suite."""

from __future__ import annotations

from typing import Final

from unprompt.datasets import load_manifest
from unprompt.datasets.miniature import MANIFEST, Counts, materialise
from unprompt.instruments import Suite
from unprompt.recipes.miniature.stage import BuildContext, Stage

FULL: Final = Counts(1000, 300, 300)
"""What the suite's own heads get."""
QUICK: Final = Counts(32, 32, 32)
"""Enough to prove the chain."""


def counts_of(context: BuildContext) -> Counts:
    """How many pictures the heads of a workshop get."""
    return QUICK if context.quick else FULL


def make(context: BuildContext) -> dict[str, float]:
    """The pictures that the heads learn from and are measured on, drawn by the assembled suite."""
    folder = materialise(context.pictures, [Suite.load(context.suite)], counts_of(context))
    return {"pictures": float(len(load_manifest(str(folder / MANIFEST))))}


STAGE = Stage("pictures", make)

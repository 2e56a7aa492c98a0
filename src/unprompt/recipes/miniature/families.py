"""Stage: the generators that are not shipped, as a suite of their own: ``miniature:FOLDER?families=SUITE``."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import Final

from unprompt.instruments.digests import folder_digest
from unprompt.instruments.manifest import Manifest
from unprompt.instruments.specs import GeneratorSpec
from unprompt.instruments.suite_file import to_toml
from unprompt.recipes.miniature.assemble import copy
from unprompt.recipes.miniature.masked import GUIDANCE
from unprompt.recipes.miniature.stage import BuildContext, Stage, put

GENERATORS: Final = {
    "gan": GeneratorSpec("flow", path="adversarial", parameters={"steps": 1, "guidance": 1.0}, candidate=True),
    "masked": GeneratorSpec("amused", path="masked", parameters={"steps": 12, "guidance": GUIDANCE}, candidate=True),
}
"""Name -> how it draws; the paths are names of finished models."""


def make(context: BuildContext) -> dict[str, float]:
    """Copy them as float16 and write ``suite.toml``; how far each draws what it was asked for."""
    folder = context.cache / "families"
    generators = {}
    for name, spec in GENERATORS.items():
        copy(context.model(spec.path), folder / spec.path, spec.build().files)
        digest = folder_digest(folder / spec.path, spec.build().files)
        generators[name] = replace(spec, digest=digest, licence="Apache-2.0")
    title = "Further generators of the synthetic scenes"
    manifest = Manifest(folder / "suite.toml", "families", title, version=version("unprompt"), generators=generators)
    put(manifest.file, to_toml(manifest).encode())
    return {f"{name}'s facts": context.figures(spec.path)["facts"] for name, spec in GENERATORS.items()}


STAGE = Stage("families", make)

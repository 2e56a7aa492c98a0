"""Stage: the heads, by the package's own verbs, each measured on test scenes, and the world check.

The verbs are called as a user calls them.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from unprompt.datasets import load_manifest
from unprompt.datasets.miniature import MANIFEST, SCENES, photographs, scenes
from unprompt.detectors import ATTRIBUTORS, EVERY
from unprompt.detectors.methods.panel import MEMBERS
from unprompt.detectors.ood import OODDetector
from unprompt.errors import UnpromptError
from unprompt.instruments import Suite
from unprompt.instruments.digests import file_digest
from unprompt.recipes.figures import packed
from unprompt.recipes.miniature.assemble import write_manifest
from unprompt.recipes.miniature.stage import BuildContext, Stage, put
from unprompt.scenes.corpus import HEAD_SEEDS, develop
from unprompt.store import Store, fingerprint
from unprompt.structured_text import read_object
from unprompt.types import RGB, Split

BASELINES: Final = ("clip-probe", "trivial-energy", "trivial-thumbnail", "trivial-metadata")
HEADS: Final = (*MEMBERS, *BASELINES, "panel", *ATTRIBUTORS)
EXTRACTED: Final = ("panel", *BASELINES, *ATTRIBUTORS)
"""The panel's evidence is that of its members, made in one go."""
MODELS: Final = ("autoencoder", "captioner", "encoder", "diffusion", "flow", "sibling", "grounder")
"""Stages whose figures are repeated beside those of the heads."""
SEEN: Final = "diffusion"
"""What detection learns from: it meets the other generators in the test split alone. Attribution learns from all."""
FIGURES: Final = "figures.json.gz"
"""Beside the suite's file: what was measured of models, methods and world check, on scenes they had not seen."""
WORLD: Final = "world.safetensors"
LARGEST: Final = 128
"""Longer side in pixels of what can be a scene of 64 x 64: photographs are larger, and no other check is asked."""
WORLD_SCENES: Final = 6000
"""Scenes of each split that the world check sees."""
WORLD_SEEDS: Final = 100_000
"""This far behind a split's own scenes lie those of the world check."""
DRAWS: Final = 4
"""Noise samples that measure how far a score moves."""
Table = dict[str, Any]
"""JSON of an evaluation table."""


def make(context: BuildContext) -> dict[str, float]:
    """Extract, train, evaluate; a head whose pictures, evidence and options did not change is not trained again."""
    cache = Apprentices(context)
    for method in EXTRACTED:
        cache.extract(method)
    tables = {method: cache.head(method) for method in HEADS}
    measured = {
        "models": {name: context.figures(name) for name in MODELS if context.stamp(name).exists()},
        "methods": tables,
        "world": fit_world(context),
    }
    put(context.suite / FIGURES, packed(measured))
    write_manifest(context.suite)
    return {
        f"{method}, {generator}": row["accuracy" if method in ATTRIBUTORS else "auc"]
        for method, table in tables.items()
        for generator, row in table["generators"].items()
    }


def fit_world(context: BuildContext) -> dict[str, float]:
    """The world check: fitted on scenes and drawings of the train split, its threshold found on validation ones.

    Returns the shares of test scenes and of each generator's test drawings that it calls outside.
    """
    fitted, held_out = (_scenes(split) + _pictures(context, split, "diffusion") for split in ("train", "validation"))
    world = OODDetector.fit(Suite.load(context.suite).encoder, fitted, held_out, most=LARGEST)
    world.save(context.suite / WORLD)
    makers = sorted({sample.generator for sample in load_manifest(str(context.pictures / MANIFEST))})
    return {maker: float(world.is_ood(_pictures(context, "test", maker)).mean()) for maker in makers}


def _scenes(split: Split) -> list[RGB]:
    """Scenes that are no head's, since they cost little."""
    first = HEAD_SEEDS[split] + WORLD_SEEDS
    return [develop(jpeg) for jpeg in photographs(scenes, range(first, first + WORLD_SCENES))]


def _pictures(context: BuildContext, split: Split, maker: str) -> list[RGB]:
    samples = load_manifest(str(context.pictures / MANIFEST))
    chosen = [one.uri for one in samples if (one.split, one.generator) == (split, maker)]
    return [develop(Path(uri).read_bytes()) for uri in chosen]


@dataclass(frozen=True)
class Apprentices:
    """The heads of one workshop on their way."""

    context: BuildContext

    def extract(self, method: str) -> None:
        """Evidence of the method, or of the panel's members, for all pictures."""
        data = f"manifest:{self.context.pictures / MANIFEST}"
        self._verb("extract", method, "--data", data, "--out", str(self._store.root), "--spread", str(DRAWS))

    def head(self, method: str) -> Table:
        """Train one head where what it learns from has changed, measure it, and return its table."""
        head, evidence = self._file(method), ("--evidence", str(self._store.root))
        stamp, key = self.context.stamp(f"head-{method}"), self._key(method)
        stored = read_object(stamp) if stamp.exists() and head.exists() else {}
        if stored.get("key") != key:
            chosen = [] if method in ATTRIBUTORS else ["--generators", SEEN]
            self._verb("train", method, *evidence, "--out", str(head), "--half", *chosen)
            put(stamp, json.dumps({"key": key}).encode())
            write_manifest(self.context.suite)  # with the digest of the new head
        table: Table = json.loads(self._verb("evaluate", str(head), *evidence, "--format", "json"))
        return self._portable(table)

    def _portable(self, table: Table) -> Table:
        """The table without the folders of the machine that made it: the checkpoint as the suite names it."""
        if "settings" in table:
            settings = {name: value for name, value in table["settings"].items() if name != "evidence"}
            settings["checkpoint"] = Path(settings["checkpoint"]).relative_to(self.context.suite).as_posix()
            table = {**table, "settings": settings}
        return table

    @cached_property
    def _suite(self) -> Suite:
        return Suite.load(self.context.suite)

    @property
    def _store(self) -> Store:
        return Store(self.context.cache / "evidence")

    def _key(self, method: str) -> str:
        """What moves a head: its pictures, evidence, options and version, and the heads of a panel's members."""
        members = MEMBERS if method == "panel" else ()
        pictures = [
            (sample.uri, sample.label, sample.split, hashlib.sha256(Path(sample.uri).read_bytes()).hexdigest())
            for sample in load_manifest(str(self.context.pictures / MANIFEST))
            if sample.split != "test" and (method in ATTRIBUTORS or sample.generator in (SCENES, SEEN))
        ]
        parts = [
            (
                self._store.read_view(one).fingerprint,
                EVERY[one].version,
                EVERY[one].fitting_options(self._suite),
                "" if one in ATTRIBUTORS else SEEN,
            )
            for one in members or (method,)
        ]
        return fingerprint(pictures, DRAWS, parts, [file_digest(self._file(one)) for one in members])

    def _file(self, method: str) -> Path:
        return self.context.suite / "heads" / f"{method}.safetensors"

    def _verb(self, *words: str) -> str:
        """What ``unprompt WORDS`` prints; its progress goes to our stderr."""
        command = [sys.executable, "-m", "unprompt", *words, "--suite", str(self.context.suite)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise UnpromptError(
                f"`unprompt {' '.join(words)}` ended with exit code {done.returncode}: see its message above; "
                "mend that, then run the same command again, which goes on from here"
            )
        return done.stdout


STAGE = Stage("heads", make)

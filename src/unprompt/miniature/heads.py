"""Stage: the heads, by the package's own verbs, each measured on test scenes, and the world check.

The verbs live in a higher room and are called as a user calls them.
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
from unprompt.detectors import METHODS, checkpoint
from unprompt.detectors.panel import MEMBERS
from unprompt.detectors.world import World
from unprompt.errors import UnpromptError
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.miniature.assemble import write_manifest
from unprompt.miniature.corpus import HEAD_SEEDS
from unprompt.miniature.pictures import MANIFEST, photographs, scenes
from unprompt.miniature.stage import Stage, Workshop, put
from unprompt.store import Store, fingerprint
from unprompt.types import GENERATED, RGB, Split

BASELINES: Final = ("clip-probe", "trivial-energy", "trivial-thumbnail", "trivial-metadata")
HEADS: Final = (*MEMBERS, *BASELINES, "panel")
EXTRACTED: Final = ("panel", *BASELINES)
"""The panel's evidence is that of its members, made in one go."""
FIGURES: Final = "figures.json"
"""Beside the suite's file: method -> what ``evaluate`` measured on the test split."""
WORLD: Final = "world.safetensors"
WORLD_SCENES: Final = 4000
"""Scenes of each split that the world check sees."""
WORLD_SEEDS: Final = 100_000
"""This far behind a split's own scenes lie those of the world check."""
DRAWS: Final = 4
"""Draws of the noise that tell how far a score moves."""
SETTINGS: Final[dict[str, dict[str, float]]] = {
    "sare": {"epochs": 30, "batch": 32, "rate": 5e-4, "encoder_rate": 5e-5},
    "semgir": {"epochs": 30},
    "tidy": {"batch": 64},
    "item": {"batch": 64},
}
"""Where the papers' schedules, made for 10^5 pictures, are too short for the hundreds of this world."""

Table = dict[str, Any]
"""JSON of an evaluation table."""


def make(workshop: Workshop) -> dict[str, float]:
    """Extract, train, evaluate; a head whose evidence and options did not change is not trained again."""
    bench = Apprentices(workshop)
    for method in EXTRACTED:
        bench.extract(method)
    tables = {method: bench.head(method) for method in HEADS}
    put(workshop.suite / FIGURES, f"{json.dumps(tables, indent=1, sort_keys=True)}\n".encode())
    fit_world(workshop)
    write_manifest(workshop.suite)
    return {
        f"{method}, {generator}": row["auc"]
        for method, table in tables.items()
        for generator, row in table["generators"].items()
    }


def fit_world(workshop: Workshop) -> None:
    """The world check: fitted on scenes and drawings of the train split, its threshold found on validation ones."""
    fitted, held_out = (_world_pictures(workshop, split) for split in ("train", "validation"))
    World.fit(Suite.load(workshop.suite).encoder, fitted, held_out).save(workshop.suite / WORLD)


def _world_pictures(workshop: Workshop, split: Split) -> list[RGB]:
    """Scenes that are no head's, since they cost little, and the drawings that were made for the split."""
    first = HEAD_SEEDS[split] + WORLD_SEEDS
    taken = photographs(scenes, range(first, first + WORLD_SCENES))
    samples = load_manifest(str(workshop.pictures / MANIFEST))
    drawn = [Path(one.uri).read_bytes() for one in samples if one.split == split and one.label == GENERATED]
    return [read(jpeg, "").rgb for jpeg in taken + drawn]


@dataclass(frozen=True)
class Apprentices:
    """The heads of one workshop on their way."""

    workshop: Workshop

    def extract(self, method: str) -> None:
        """Evidence of the method, or of the panel's members, for all pictures."""
        data = f"manifest:{self.workshop.pictures / MANIFEST}"
        self._verb("extract", method, "--data", data, "--out", str(self._store.root), "--spread", str(DRAWS))

    def head(self, method: str) -> Table:
        """Train and measure one head, and return its table."""
        head = self._file(method)
        stamp = self.workshop.stamp(f"head-{method}")
        key = self._key(method)
        stored = json.loads(stamp.read_text("utf-8")) if stamp.exists() and head.exists() else {}
        if stored.get("key") == key:
            found: Table = stored["table"]
            return found
        evidence = ("--evidence", str(self._store.root))
        chosen = [word for pair in SETTINGS.get(method, {}).items() for word in ("--set", f"{pair[0]}={pair[1]}")]
        self._verb("train", method, *evidence, "--out", str(head), "--half", *chosen)
        table: Table = json.loads(self._verb("evaluate", str(head), *evidence, "--format", "json"))
        put(stamp, json.dumps({"key": key, "table": table}).encode())
        return table

    @cached_property
    def _suite(self) -> Suite:
        return Suite.load(self.workshop.suite)

    @property
    def _store(self) -> Store:
        return Store(self.workshop.cache / "evidence")

    def _key(self, method: str) -> str:
        """What moves a head: pictures, evidence, its options and version, and the heads that a panel stands on."""
        members = MEMBERS if method == "panel" else ()
        pictures = [
            (sample.uri, sample.label, sample.split, hashlib.sha256(Path(sample.uri).read_bytes()).hexdigest())
            for sample in load_manifest(str(self.workshop.pictures / MANIFEST))
        ]
        parts = [
            (
                self._store.read_view(one).fingerprint,
                METHODS[one].version,
                METHODS[one].fitting_options(self._suite),
                SETTINGS.get(one, {}),
            )
            for one in members or (method,)
        ]
        return fingerprint(pictures, DRAWS, parts, [checkpoint.digest(self._file(one)) for one in members])

    def _file(self, method: str) -> Path:
        return self.workshop.suite / "heads" / f"{method}.safetensors"

    def _verb(self, *words: str) -> str:
        """What ``unprompt WORDS`` prints; its progress goes to our stderr."""
        command = [sys.executable, "-m", "unprompt", *words, "--suite", str(self.workshop.suite)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise UnpromptError(
                f"`unprompt {' '.join(words)}` ended with exit code {done.returncode}: see its message above; "
                "mend that, then run the same command again, which goes on from here"
            )
        return done.stdout


STAGE = Stage("heads", make)

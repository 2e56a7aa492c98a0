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
from unprompt.miniature.pictures import MANIFEST
from unprompt.miniature.stage import Stage, Workshop, put
from unprompt.store import Store, fingerprint

BASELINES: Final = ("clip-probe", "trivial-energy", "trivial-thumbnail", "trivial-metadata")
HEADS: Final = (*MEMBERS, *BASELINES, "panel")
EXTRACTED: Final = ("panel", *BASELINES)
"""The panel's evidence is that of its members, made in one go."""
FIGURES: Final = "figures.json"
"""Beside the suite's file: method -> what ``evaluate`` measured on the test split."""
WORLD: Final = "world.safetensors"

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
    """The world check, from validation pictures of both kinds: no instrument has seen them."""
    samples = load_manifest(str(workshop.pictures / MANIFEST))
    pictures = [read(Path(one.uri), one.uri).rgb for one in samples if one.split == "validation"]
    World.fit(Suite.load(workshop.suite).encoder, pictures).save(workshop.suite / WORLD)


@dataclass(frozen=True)
class Apprentices:
    """The heads of one workshop on their way."""

    workshop: Workshop

    def extract(self, method: str) -> None:
        """Evidence of the method, or of the panel's members, for all pictures."""
        data = f"manifest:{self.workshop.pictures / MANIFEST}"
        self._verb("extract", method, "--data", data, "--out", str(self._store.root))

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
        self._verb("train", method, *evidence, "--out", str(head), "--half")
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
            (self._store.read_view(one).fingerprint, METHODS[one].version, METHODS[one].fitting_options(self._suite))
            for one in members or (method,)
        ]
        return fingerprint(pictures, parts, [checkpoint.digest(self._file(one)) for one in members])

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

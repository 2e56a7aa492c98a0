"""What the leaderboard consists of: worlds and rows, which pictures serve for what, what is kept, and its page."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from unprompt import Sample
from unprompt.detectors.checkpoint import read_header
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import Result
from unprompt.instruments import Manifest
from unprompt.instruments.digests import file_digest
from unprompt.report.grid import Grid, markdown
from unprompt.report.results import words
from unprompt.types import Split

METRICS = ("auc", "accuracy", "tpr_at_1", "tpr_at_5", "ece")
ABOUT = """# Leaderboard

Written by `benchmarks/leaderboard.py`, as is `leaderboard.json.gz` beside it; nothing is written by hand. Every row
of a table answered the same pictures, which no head learned from. In brackets stand 95 % intervals: DeLong's for the
AUC of one generator, else of 1000 draws of the test pictures. They tell how far a figure moves with the pictures, not
with another training. "All" is the plain mean over the generators. Rows whose intervals overlap are not ordered by
this table: `unprompt evaluate --against` compares two heads on the same pictures.

Accuracy counts a probability above 0.5 as generated. The true-positive rates (TPR) are at the thresholds that leave
1 % and 5 % of the measured real pictures above them. ECE is the calibration error over 15 bins, both classes weighing
one half: the lower the better. No setting was chosen on the pictures that are measured.
"""


@dataclass(frozen=True)
class Row:
    """One line: a method on a suite, with what departs from its published settings."""

    method: str
    sees: str
    """In words, what its head looks at."""
    name: str = ""
    suite: str = ""
    """Empty = the world's."""
    shipped: bool = False
    """The suite's own head, which is not trained here."""
    share: float = 1.0
    """Of the pictures to learn from and to calibrate on."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def called(self) -> str:
        return self.name or self.method


@dataclass(frozen=True)
class World:
    """What is learned from, what is measured on, and by whom."""

    name: str
    title: str
    about: str
    suite: str
    rows: tuple[Row, ...]
    taught: tuple[str, ...] = ()
    """Generators to learn from; none = all of the train split."""
    measured: str = "test"
    """The manifest's split that figures come from; with ``validation`` a share of its train split calibrates."""
    held: float = 0.2
    """That share."""
    least: int = 1
    """Generators with fewer test pictures are measured together, as ``others``."""
    pairs: tuple[str, ...] = ()
    """GENERATOR=COLLECTION, where a generator has real counterparts of its own."""


def worlds(path: Path) -> dict[str, World]:
    """The registry."""
    found = tomllib.loads(path.read_text("utf-8"))
    return {name: World(name=name, **{**one, **_parts(one)}) for name, one in found.items()}


def _parts(told: Mapping[str, Any]) -> dict[str, Any]:
    rows = tuple(_row(row, told["suite"]) for row in told["rows"])
    names = Counter(row.called() for row in rows)
    if twice := [name for name, count in names.items() if count > 1]:
        raise OptionError(f"two rows are called {twice[0]!r}, expected one: give a `name`")
    lists = {name: tuple(told.get(name, ())) for name in ("taught", "pairs")}
    return {"rows": rows, **lists, "about": told["about"].strip()}


def _row(told: Mapping[str, Any], suite: str) -> Row:
    """With the options that the suite's own file gives to its method; those of a shipped head lie in the head."""
    row = Row(**told)
    own = {} if row.shipped else Manifest.read(row.suite or suite).options_of(row.method)
    return replace(row, settings={**own, **row.settings})


def lot(sample: Sample, root: Path, purpose: str) -> float:
    """In [0, 1), from the name below the manifest's folder alone."""
    name = Path(sample.uri).relative_to(root).as_posix()
    return int(hashlib.sha256(f"{purpose}/{name}".encode()).hexdigest()[:12], 16) / 16**12


def material(samples: Iterable[Sample], root: Path, world: World, share: float) -> list[Sample]:
    """The pictures that a row learns from (train), is calibrated on (validation) and is measured on (test)."""
    found = [replace(one, split=split) for one in samples if (split := _split(one, root, world)) is not None]
    tested = [one for one in found if one.split == "test"]
    counts = Counter(one.generator for one in tested if one.label == 1)
    kept = [replace(one, generator="others") if 0 < counts[one.generator] < world.least else one for one in tested]
    for split in ("train", "validation"):
        for label in (0, 1):
            group = [one for one in found if (one.split, one.label) == (split, label)]
            drawn = sorted(group, key=lambda one: lot(one, root, "share"))[: round(share * len(group))]
            kept += [one for one in group if one in drawn] if share < 1 else group
    return kept


def _split(sample: Sample, root: Path, world: World) -> Split | None:
    if sample.split == world.measured:
        return "test"
    if sample.label == 1 and world.taught and sample.generator not in world.taught:
        return None
    if world.measured == "test":
        return sample.split
    if sample.split != "train":
        return None
    return "validation" if lot(sample, root, "held") < world.held else "train"


def entry(row: Row, suite: str, learned: Mapping[str, int], head: Path, results: Sequence[Result]) -> dict[str, Any]:
    """A row as it is kept: what it is, and its figures with their intervals."""
    trained = read_header(head).training
    cells: dict[str, dict[str, list[float | None]]] = {}
    for one in results:
        if one.metric in METRICS and one.generator != "pooled":
            cells.setdefault(one.generator, {})[one.metric] = [_short(x) for x in (one.value, one.low, one.high)]
    return {
        **{name: value for name, value in asdict(row).items() if name not in ("suite", "name")},
        "name": row.called(),
        "suite": suite,
        "learned": dict(learned),
        "kept": None if row.shipped else trained.get("kept"),
        "digest": file_digest(head),
        "pictures": {
            one.generator: [one.n_real, one.n_generated, one.n_failed]
            for one in results
            if one.metric == "auc" and one.generator not in ("macro", "pooled")
        },
        "cells": cells,
    }


def _short(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def gathered(world: World, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A world as it is kept; :class:`DataError` unless all rows answered all pictures, and the same ones."""
    pictures = entries[0]["pictures"]
    for one in entries:
        if one["pictures"] != pictures or any(failed for *_, failed in one["pictures"].values()):
            raise DataError(
                f"{one['name']} was measured on {one['pictures']}, {entries[0]['name']} on {pictures}, as [real, "
                "generated, failed]: a table needs the same pictures and none that failed; delete the row's evidence"
            )
    rows = [{name: value for name, value in one.items() if name != "pictures"} for one in entries]
    return {"name": world.name, "title": world.title, "about": world.about, "pictures": pictures, "rows": rows}


def standing(world: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The entries that :func:`gathered` kept, by name."""
    return {row["name"]: row | {"pictures": world["pictures"]} for row in world["rows"]}


def page(board: Sequence[Mapping[str, Any]]) -> str:
    """docs/leaderboard.md from docs/leaderboard.json.gz."""
    return "\n".join([ABOUT, *(text for world in board for text in _section(world))])


def _section(world: Mapping[str, Any]) -> list[str]:
    rows = sorted(world["rows"], key=lambda row: (-row["cells"]["macro"]["auc"][0], row["name"]))
    makers = [*world["pictures"], "macro"]
    counts = "; ".join(f"{real} real, {drawn} of {name}" for name, (real, drawn, _) in world["pictures"].items())
    others = METRICS[1:]
    return [
        f"## {world['title']}\n\n{world['about']}\n\nMeasured on: {counts}.\n",
        markdown(
            [
                Grid(
                    "AUC",
                    ("method", "sees", *(name if name != "macro" else "all" for name in makers)),
                    tuple(
                        (f"`{row['name']}`", row["sees"], *(_cell(row["cells"][name]["auc"]) for name in makers))
                        for row in rows
                    ),
                    labels=2,
                ),
                Grid(
                    "Other figures, all generators",
                    ("method", *(words(name) for name in others)),
                    tuple(
                        (f"`{row['name']}`", *(_cell(row["cells"]["macro"][name]) for name in others)) for row in rows
                    ),
                ),
                Grid(
                    "How the heads were made",
                    ("method", "suite", "head", "learned from", "settings given"),
                    tuple((f"`{row['name']}`", row["suite"], *_made(row)) for row in rows),
                    labels=5,
                ),
            ]
        ),
    ]


def _cell(figures: Sequence[float | None]) -> str:
    value, low, high = figures
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _made(row: Mapping[str, Any]) -> tuple[str, str, str]:
    learned, kept = row["learned"], row["kept"]
    head = "shipped" if row["shipped"] else f"epoch {kept} kept" if kept else "solved in one go"
    told = "; ".join(f"{name} {json.dumps(value)}" for name, value in row["settings"].items())
    own = "as the suite's recipe says" if row["shipped"] else told or "none"
    return head, f"{learned['real']} real, {learned['generated']} generated", own

"""The leaderboard: methods and baselines, trained by the same verbs, measured on the same pictures, with intervals.

    python benchmarks/leaderboard.py --cache DIR --data miniature=MANIFEST [--data photographs=MANIFEST]

Rows and worlds stand in ``leaderboard.toml``. A row is a checkpoint and what ``evaluate`` says of it, both in the
cache: what is there, and was made from the same pictures, settings and models, is not made again, and an interrupted
run goes on where it was. ``docs/leaderboard.md`` is written from ``docs/leaderboard.json.gz``; a world that is not
given stays as it is. MANIFEST: of ``miniature`` the list that ``make miniature`` leaves in its cache
(``pictures/manifest.csv``), of ``photographs`` a list after ``unprompt audit --align``. With ``--only METHOD`` the
other rows stay as they are.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from board import Row, World, entry, gathered, material, page, standing, worlds

import unprompt
from unprompt import Sample
from unprompt.datasets import load_manifest
from unprompt.detectors import METHODS
from unprompt.errors import OptionError
from unprompt.instruments import Suite
from unprompt.instruments.digests import file_digest
from unprompt.report.results import read_rows

log = logging.getLogger("unprompt.leaderboard")
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Making:
    """One world's rows on their way, in the folder ``cache``."""

    world: World
    manifest: Path
    cache: Path

    def __call__(self, row: Row) -> dict[str, Any]:
        """The row's entry, from what is in the cache or made now."""
        root, name, suite = self.manifest.parent, row.called(), Suite.load(row.suite or self.world.suite)
        chosen = material(load_manifest(str(self.manifest)), root, self.world, row.share)
        head = suite.head(row.method) if row.shipped else self.cache / "heads" / f"{name}.safetensors"
        table = self.cache / "tables" / f"{name}.json"
        key = _key(row, suite, head, [(str(Path(one.uri).relative_to(root)), one.label, one.split) for one in chosen])
        if not _marked(table, key):
            log.info(f"{self.world.name}: {name}")
            listed, evidence = (self.cache / f"{kind}-{row.share:g}" for kind in ("pictures", f"evidence-{suite.name}"))
            write_list(listed.with_name(f"{listed.name}.csv"), chosen)
            self._make(row, f"manifest:{listed}.csv", evidence, head, table, key)
        learned = Counter("generated" if one.label else "real" for one in chosen if one.split == "train")
        return entry(row, suite.name, learned, head, read_rows(table))

    def _make(self, row: Row, data: str, evidence: Path, head: Path, table: Path, key: str) -> None:
        """By the package's verbs, each of which goes on where it was interrupted."""
        suite, options = row.suite or self.world.suite, dict(row.settings)
        unprompt.extract(row.method, data=data, out=evidence, suite=suite, options=options, max_minutes=None)
        if not row.shipped and not _marked(head, key):
            head.parent.mkdir(exist_ok=True)
            names = self.world.taught or None
            unprompt.train(row.method, evidence=evidence, out=head, suite=suite, generators=names, options=options)
            _mark(head, key)
        table.parent.mkdir(exist_ok=True)
        unprompt.evaluate(head, evidence=evidence, suite=suite, pair=self.world.pairs, out=[table])
        _mark(table, key)


def write_list(path: Path, samples: Sequence[Sample]) -> None:
    """A manifest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("path", "label", "generator", "split", "content"))
        lines.writerows((one.uri, one.label, one.generator, one.split, one.content) for one in samples)


def _key(row: Row, suite: Suite, head: Path, pictures: Sequence[Any]) -> str:
    """What moves a row: method, settings, pictures by name, the suite's models, a shipped head."""
    models = {role: spec.digest for role, spec in suite.manifest.instruments_of(row.method).items()}
    made = {name: value for name, value in asdict(row).items() if name not in ("name", "sees")}
    told = [made, METHODS[row.method].version, models, file_digest(head) if row.shipped else "", list(pictures)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _marked(path: Path, key: str) -> bool:
    mark = path.with_name(f"{path.name}.key")
    return path.exists() and mark.exists() and mark.read_text("utf-8") == key


def _mark(path: Path, key: str) -> None:
    path.with_name(f"{path.name}.key").write_text(key, "utf-8")


def main(words_given: Sequence[str] | None = None) -> int:
    """Make the rows, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--data", action="append", metavar="WORLD=MANIFEST", default=[])
    parser.add_argument("--only", action="append", metavar="METHOD", default=[])
    parser.add_argument("--registry", type=Path, default=HERE / "leaderboard.toml")
    parser.add_argument("--page", type=Path, default=HERE.parent / "docs" / "leaderboard.md")
    chosen = parser.parse_args(words_given)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("unprompt").setLevel(logging.INFO)
    known, kept = worlds(chosen.registry), chosen.page.with_suffix(".json.gz")
    names = {row.called() for world in known.values() for row in world.rows}
    for name in chosen.only:
        if name not in names:
            raise OptionError(f"--only is {name!r}, expected one of {', '.join(sorted(names))}")
    board = {one["name"]: one for one in (json.loads(gzip.decompress(kept.read_bytes())) if kept.exists() else [])}
    for name, _, manifest in (one.partition("=") for one in chosen.data):
        if name not in known:
            raise OptionError(f"--data is {name}={manifest}, expected one of {', '.join(known)} before the sign")
        world, make = known[name], Making(known[name], Path(manifest).resolve(), chosen.cache / name)
        entries = standing(board[name]) if chosen.only and name in board else {}
        asked = [row for row in world.rows if not chosen.only or row.called() in chosen.only]
        entries |= {row.called(): make(row) for row in asked}
        board[name] = gathered(world, [entries[row.called()] for row in world.rows if row.called() in entries])
    whole = [board[name] for name in known if name in board]
    kept.write_bytes(gzip.compress(json.dumps(whole, separators=(",", ":")).encode(), mtime=0))
    chosen.page.write_text(page(whole), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

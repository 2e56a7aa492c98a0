"""``python -m unprompt.recipes.photo.toning``: what the suite says of held-out pictures turned grey or toned.

Every picture is judged by the shipped panel as it is, in grey and in three tones, each stored as JPEG 75; once without
the rule for grey and toned pictures, once with it. ``figures.json.gz`` and the card get the numbers.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from unprompt.datasets import load_manifest
from unprompt.errors import DataError, UnpromptError
from unprompt.images import encode_jpeg, is_toned, read
from unprompt.perturbations.toning import TONES, Tone
from unprompt.recipes.figures import packed, read_packed
from unprompt.recipes.photo.card import card
from unprompt.recipes.photo.head_trainer import SUITE
from unprompt.recipes.photo.measuring import FIGURES
from unprompt.recipes.photo.sources import folds
from unprompt.types import Label, Sample
from unprompt.workflows.detect import detect

QUALITY: Final = 75
VERDICTS: Final = ("generated", "inconclusive", "real")
CLASSES: Final[Mapping[Label, str]] = {1: "generated", 0: "real"}
COLOURED: Final = 16
"""Levels between the greatest and the least channel of a pixel, above which a picture has colour."""


CHANGES: Final[Mapping[str, Tone]] = {"as it is": lambda rgb, rng: rgb, **TONES}


def measure(samples: Sequence[Sample], folder: Path) -> dict[str, Any]:
    """Tone -> class -> how many pictures there are, and their verdicts ``before`` the rule and ``after`` it."""
    stored = [
        (name, CLASSES[one.label], _stored(one, tone, folder / f"{name}-{number}"))
        for name, tone in CHANGES.items()
        for number, one in enumerate(samples)
        if one.label is not None
    ]
    paths = [path for _, _, path in stored]
    before = [str(row.verdict) for row in detect(paths, suite=_without_rule(folder / "suite"), max_minutes=None)]
    toned = [is_toned(read(path, path.name).rgb) for path in paths]
    table: dict[str, Any] = {}
    for name, kind in dict.fromkeys((name, kind) for name, kind, _ in stored):
        rows = [(toned[i], before[i]) for i, one in enumerate(stored) if one[:2] == (name, kind)]
        table.setdefault(name, {})[kind] = {
            "n": len(rows),
            "caught": sum(caught for caught, _ in rows),
            "before": _counted([verdict for _, verdict in rows]),
            "after": _counted(["inconclusive" if caught else verdict for caught, verdict in rows]),
        }
    return table


def _without_rule(folder: Path) -> Path:
    """A copy of the suite that judges grey and toned pictures as any other."""
    shutil.copytree(SUITE, folder)
    file = folder / "suite.toml"
    file.write_text(file.read_text("utf-8").replace("colour_only = true", "colour_only = false"), "utf-8")
    return file


def _stored(sample: Sample, tone: Tone, place: Path) -> Path:
    picture = read(Path(sample.uri), sample.uri)
    path = place.with_suffix(".jpg")
    path.write_bytes(encode_jpeg(tone(picture.rgb, np.random.default_rng(picture.seed)), QUALITY))
    return path


def _counted(verdicts: Sequence[str]) -> dict[str, int]:
    counts = Counter(verdicts)
    return {name: counts[name] for name in VERDICTS}


def held_out(data: str, split: str, most: int) -> list[Sample]:
    """At most ``most`` pictures of each class, drawn by a seed, of sources that no fold knows, in colour.

    DataError where a class has none.
    """
    found = [one for one in load_manifest(data) if one.split == split and one.generator not in folds()]
    order = np.random.default_rng(0).permutation(len(found)).tolist()
    drawn = [found[place] for place in order]
    kept = [one for label in CLASSES for one in islice(_coloured(drawn, label), most)]
    if len({one.label for one in kept}) < len(CLASSES):
        raise DataError(
            f"{data} has {len(kept)} coloured pictures of the split {split!r} whose source no fold knows, expected "
            "some of each class: give a manifest of sources that the nets did not learn from"
        )
    return kept


def _coloured(samples: Sequence[Sample], label: int) -> Iterator[Sample]:
    for one in samples:
        if one.label == label and np.ptp(read(Path(one.uri), one.uri).rgb, axis=2).max() > COLOURED:
            yield one


def main() -> int:
    """Exit code 0 = figures and page are written, 1 = they could not be."""
    parser = argparse.ArgumentParser(
        "python -m unprompt.recipes.photo.toning", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True, help="manifest with path, label, source and split")
    parser.add_argument("--split", default="validation", help="of which pictures are judged")
    parser.add_argument("--most", type=int, default=100, help="pictures of each class")
    parser.add_argument("--page", type=Path, default=Path("docs/photo.md"), help="the card")
    chosen = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("unprompt").setLevel(logging.INFO)
    try:
        with tempfile.TemporaryDirectory() as folder:
            toned = measure(held_out(chosen.data, chosen.split, chosen.most), Path(folder))
    except UnpromptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    file = SUITE / FIGURES
    file.write_bytes(packed(read_packed(file) | {"toned": toned}))
    chosen.page.write_text(card(read_packed(file)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

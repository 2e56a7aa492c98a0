"""sahu65 1.1.0 (PyPI) and the suite ``photo`` on the same pictures in one run.

    python -m venv S && S/bin/pip install sahu65==1.1.0
    python benchmarks/rivals.py --sahu65 S/bin/python --data MANIFEST --packages P --cache CACHE [--out docs/rivals.md]

MANIFEST, P and CACHE are those of ``python -m unprompt.recipes.photo``, whose run has to come first. Ours are the
answers of its nets, each about the sources that it left out, by weights and thresholds that were fitted without them.
sahu65 has an environment of its own, since it asks for other versions; it reads the very pixels, as PNG. CACHE keeps
its answers, so that a second run goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from operator import methodcaller
from pathlib import Path
from typing import Any, Final

import numpy as np

from unprompt.evaluation import wilson
from unprompt.images import encode_png
from unprompt.processors import usable_cores
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.caption_methods import CONDITION
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.fusion import Flags, Judged
from unprompt.recipes.photo.head_trainer import SUITE, HeadTrainer
from unprompt.recipes.photo.scoring import Floats
from unprompt.recipes.photo.sources import Photograph, photographs
from unprompt.report.grid import Grid, markdown
from unprompt.store import write_aside

ASK = """
import json, sys, sahu65
for line in sys.stdin:
    found = sahu65.detect(line.strip())
    print(json.dumps([found.ai_probability, found.verdict == "likely_ai", found.verdict == "likely_real"]), flush=True)
"""
PART: Final = 64
"""Pictures that are answered before the answers are kept."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sahu65", required=True, metavar="PYTHON", help="interpreter that has sahu65")
    parser.add_argument("--data", required=True, nargs="+")
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="of the pictures, in the order of the manifests")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    given = photographs(chosen.data, chosen.packages)
    trainer = HeadTrainer(given, chosen.cache, SUITE, usable_cores(), panels=("panel",))
    rows = trainer.trained_on[:: chosen.every]
    answers = {
        "photo": ours(trainer, chosen.every),
        "sahu65": theirs(chosen.sahu65, rows, chosen.cache / "sahu65.json"),
    }
    grids = []
    for title, kept in groups(rows).items():
        lines = tuple((name, *line(rows, judged, kept)) for name, judged in answers.items())
        header = ("detector", "macro AUC", "macro TPR at 3 % FPR", "pooled AUC", "pooled TPR at 3 % FPR",
                  "called generated", "false alarms")  # fmt: skip
        grids.append(Grid(f"{CONDITION}: {title}", header, lines))
    text = markdown(grids)
    print(text)
    if chosen.out:
        some = f"one in {chosen.every} of the card's pictures" if chosen.every > 1 else "the card's pictures"
        chosen.out.write_text(f"# Beside sahu65 1.1.0\n\n{PREFACE.format(some=some)}\n{text}", "utf-8")


PREFACE = """\
Written by `python benchmarks/rivals.py` for the second edition of `photo`. Both judge the same pixels in one run:
{some}. `photo` answers by nets, weights and thresholds that never saw a picture's generator or
collection; what sahu65 has seen is not known to us. Both read the same embedding, CLIP ViT-B/16, which has seen the
web. Both decide by thresholds of their own, ours chosen for at most 1 % false alarms. The macro columns are the mean
over generators with 15 pictures or more, 95 % intervals by bootstrap; a group in which no generator has so many (the
newer ones of public packages, where few of the pictures are asked about) has no table.

sahu65 computes with 8-bit integers, and its answers are not the same on every processor: on another machine it had,
over all pictures, a macro AUC of 0.50, called 11.5 % generated and had 7.5 % false alarms.
"""


def ours(trainer: HeadTrainer, every: int) -> Judged:
    """The panel's answers, each by what never saw the picture's fold."""
    judged = trainer.judged()[CONDITION]
    return Judged(judged.probabilities[::every], judged.flagged[::every], judged.passed[::every])


def theirs(python: str, rows: Sequence[Photograph], kept: Path) -> Judged:
    """sahu65's answers."""
    answers = resumed(kept, rows, lambda some: ask(python, some))
    return Judged(answers[:, 0], answers[:, 1] > 0, answers[:, 2] > 0)


def resumed(kept: Path, rows: Sequence[Photograph], answer: Callable[[Sequence[Photograph]], list[Any]]) -> Floats:
    """A row of numbers for each picture; ``kept`` holds the first ones of an interrupted run."""
    known: list[Any] = json.loads(kept.read_text("utf-8")) if kept.exists() else []
    for start in range(len(known), len(rows), PART):
        known += answer(rows[start : start + PART])
        write_aside(kept, methodcaller("write", json.dumps(known).encode()))
        print(f"{kept.stem}: {len(known)} of {len(rows)}", flush=True)
    return np.array(known)


def ask(python: str, rows: Sequence[Photograph]) -> list[Any]:
    """Probability of each picture, whether it is called generated, and whether real."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, one in enumerate(rows):
            path = Path(folder) / f"{number}.png"
            path.write_bytes(encode_png(drawn(CONDITION, one.read()).rgb))
            paths.append(str(path))
        done = subprocess.run(
            [python, "-c", ASK], input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def groups(rows: Sequence[Photograph]) -> dict[str, Flags]:
    """Which pictures a table counts; without those that have no generator whose pictures suffice for its own curve."""
    found = {
        "all pictures": np.ones(len(rows), bool),
        "the manifest's validation pictures": np.array([one.sample.split == "validation" for one in rows]),
        "newer generators of public packages, all real pictures": np.array(
            [one.label == 0 or one.packed for one in rows]
        ),
    }
    made = {name: Counter(one.source for one, stays in zip(rows, kept, strict=True) if stays and one.label)
            for name, kept in found.items()}  # fmt: skip
    return {name: kept for name, kept in found.items() if max(made[name].values(), default=0) >= figures.LEAST}


def line(rows: Sequence[Photograph], judged: Judged, kept: Flags) -> tuple[str, ...]:
    """The figures of one detector on one group."""
    some = [one for one, stays in zip(rows, kept, strict=True) if stays]
    table = figures.condition(some, Judged(judged.probabilities[kept], judged.flagged[kept], judged.passed[kept]))
    real = np.array([one.label == 0 for one in some])
    shares = [wilson(judged.flagged[kept][group]) for group in (~real, real)]
    curves = [table[part][name] for part in ("macro", "pooled") for name in ("auc", "tpr_at_3")]
    return (
        *(f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})" for one in curves),
        *(f"{100 * one.estimate:.1f} % ({100 * one.low:.1f} to {100 * one.high:.1f} %)" for one in shares),
    )


if __name__ == "__main__":
    main()

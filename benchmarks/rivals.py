"""sahu65 1.1.0 (PyPI) and the suite ``photo`` on the same pictures in one run.

    python -m venv S && S/bin/pip install sahu65==1.1.0
    python benchmarks/rivals.py --sahu65 S/bin/python --data MANIFEST --packages P --cache CACHE [--out docs/rivals.md]

MANIFEST, P and CACHE are those of ``python -m unprompt.recipes.photo``, which has to be finished: ours are its answers
by nets, weights and thresholds that never saw a picture's source. sahu65 has an environment of its own, since it asks
for other versions; it reads the very pixels, stored as PNG, and under ``raw`` the very files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unprompt.evaluation import wilson
from unprompt.images import encode_png
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.fusion import Flags, Judged
from unprompt.recipes.photo.head_trainer import SUITE, HeadTrainer
from unprompt.recipes.photo.sources import Photograph, photographs
from unprompt.report.grid import Grid, markdown

ASK = """
import json, sys, sahu65
for line in sys.stdin:
    found = sahu65.detect(line.strip())
    print(json.dumps([found.ai_probability, found.verdict]), flush=True)
"""
CONDITIONS = ("raw", "aligned")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sahu65", required=True, metavar="PYTHON", help="interpreter that has sahu65")
    parser.add_argument("--data", required=True, nargs="+")
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--condition", choices=CONDITIONS, action="append", help="may be repeated; default: all")
    chosen = parser.parse_args()
    trainer = HeadTrainer(photographs(chosen.data, chosen.packages), chosen.cache, SUITE, 1)
    ours, grids = trainer.judged(), []
    for condition in chosen.condition or CONDITIONS:
        theirs = answered(chosen.sahu65, trainer.trained_on, condition, chosen.cache / f"sahu65-{condition}.json")
        answers = {"photo": ours[condition], "sahu65": theirs}
        for title, kept in groups(trainer.trained_on).items():
            rows = tuple((name, *line(trainer.trained_on, judged, kept)) for name, judged in answers.items())
            header = ("detector", "macro AUC", "macro TPR at 3 % FPR", "pooled AUC", "pooled TPR at 3 % FPR",
                      "called generated", "false alarms")  # fmt: skip
            grids.append(Grid(f"{condition}: {title}", header, rows))
    text = markdown(grids)
    print(text)
    if chosen.out:
        chosen.out.write_text(f"# Beside sahu65 1.1.0\n\n{PREFACE}\n{text}", "utf-8")


PREFACE = """\
Written by `python benchmarks/rivals.py` for the first edition of `photo`. Both judge the same pixels in one run.
`photo` answers by nets, weights and thresholds that never saw a picture's generator or collection; what sahu65 has
seen is not known to us, and its embedding (CLIP ViT-B/16) has seen the web. Both decide by thresholds of their own,
chosen for at most 3 % false alarms. The macro columns are the mean over generators with 15 pictures or more, 95 %
intervals by bootstrap.
"""


def answered(python: str, rows: Sequence[Photograph], condition: str, kept: Path) -> Judged:
    """sahu65's answers, which ``kept`` keeps."""
    if not kept.exists():
        kept.write_text(json.dumps(ask(python, rows, condition)), "utf-8")
    scores, verdicts = map(np.array, zip(*json.loads(kept.read_text("utf-8")), strict=True))
    return Judged(scores, verdicts == "likely_ai", verdicts == "likely_real")


def ask(python: str, rows: Sequence[Photograph], condition: str) -> list[tuple[float, str]]:
    """Probability and verdict of every picture."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, one in enumerate(rows):
            path = Path(one.uri).absolute()
            if condition != "raw":
                path = Path(folder) / f"{number}.png"
                path.write_bytes(encode_png(drawn(condition, one.read()).rgb))
            paths.append(str(path))
        done = subprocess.run(
            [python, "-c", ASK], input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def groups(rows: Sequence[Photograph]) -> dict[str, Flags]:
    """Which pictures a table counts."""
    return {
        "all pictures": np.ones(len(rows), bool),
        "the manifest's validation pictures": np.array([one.sample.split == "validation" for one in rows]),
        "newer generators of public packages, all real pictures": np.array(
            [one.label == 0 or one.packed for one in rows]
        ),
    }


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

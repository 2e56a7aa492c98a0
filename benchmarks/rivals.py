"""sahu65 1.1.0 (PyPI) and the suite ``photo`` on the same pictures in one run.

    python -m venv S && S/bin/pip install sahu65==1.1.0
    python benchmarks/rivals.py --sahu65 S/bin/python --data MANIFEST --packages P --cache CACHE [--out docs/rivals.md]

MANIFEST, P and CACHE are those of ``python -m unprompt.recipes.photo.caption_methods``, whose evidence is read: ours
are the answers of the shipped nets, each about the sources that it left out, by weights and thresholds that were fitted
without them. sahu65 has an environment of its own, since it asks for other versions; it reads the very pixels, as PNG.
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
from unprompt.instruments import Suite
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.caption_methods import CONDITION, CaptionMethods
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.fusion import Flags, Judged, judge
from unprompt.recipes.photo.head_trainer import PANELS, SUITE
from unprompt.recipes.photo.sources import UNSEEN, Photograph, photographs
from unprompt.report.grid import Grid, markdown

ASK = """
import json, sys, sahu65
for line in sys.stdin:
    found = sahu65.detect(line.strip())
    print(json.dumps([found.ai_probability, found.verdict]), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sahu65", required=True, metavar="PYTHON", help="interpreter that has sahu65")
    parser.add_argument("--data", required=True, nargs="+")
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rows = [one for one in photographs(chosen.data, chosen.packages) if one.fold != UNSEEN]
    answers = {"photo": ours(rows, chosen.cache), "sahu65": answered(chosen.sahu65, rows, chosen.cache / "sahu65.json")}
    grids = []
    for title, kept in groups(rows).items():
        lines = tuple((name, *line(rows, judged, kept)) for name, judged in answers.items())
        header = ("detector", "macro AUC", "macro TPR at 3 % FPR", "pooled AUC", "pooled TPR at 3 % FPR",
                  "called generated", "false alarms")  # fmt: skip
        grids.append(Grid(f"{CONDITION}: {title}", header, lines))
    text = markdown(grids)
    print(text)
    if chosen.out:
        chosen.out.write_text(f"# Beside sahu65 1.1.0\n\n{PREFACE}\n{text}", "utf-8")


PREFACE = """\
Written by `python benchmarks/rivals.py` for the second edition of `photo`. Both judge the same pixels in one run.
`photo` answers by nets, weights and thresholds that never saw a picture's generator or collection; what sahu65 has
seen is not known to us. Both read the same embedding, CLIP ViT-B/16, which has seen the web. Both decide by thresholds
of their own, ours chosen for at most 1 % false alarms. The macro columns are the mean over generators with 15 pictures
or more, 95 % intervals by bootstrap.
"""


def ours(rows: Sequence[Photograph], cache: Path) -> Judged:
    """The panel's answers, each by what never saw the picture's fold."""
    run = CaptionMethods(rows, Suite.load(SUITE), cache)
    logits = np.stack([run.shipped(method) for method in PANELS["panel"]], axis=1)
    return judge({CONDITION: logits}, run.labels, run.places.tolist())[CONDITION]


def answered(python: str, rows: Sequence[Photograph], kept: Path) -> Judged:
    """sahu65's answers, which ``kept`` keeps."""
    if not kept.exists():
        kept.write_text(json.dumps(ask(python, rows)), "utf-8")
    scores, verdicts = map(np.array, zip(*json.loads(kept.read_text("utf-8")), strict=True))
    return Judged(scores, verdicts == "likely_ai", verdicts == "likely_real")


def ask(python: str, rows: Sequence[Photograph]) -> list[tuple[float, str]]:
    """Probability and verdict of every picture."""
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

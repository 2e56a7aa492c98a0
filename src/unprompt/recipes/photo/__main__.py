"""``python -m unprompt.recipes.photo``: train, measure and write the suite ``photo``, or go on where a run ended."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from unprompt.errors import UnpromptError
from unprompt.instruments.cache import cache_folder
from unprompt.processors import usable_cores
from unprompt.recipes.figures import packed, read_packed
from unprompt.recipes.photo.card import card
from unprompt.recipes.photo.head_trainer import PANELS, SUITE, HeadTrainer
from unprompt.recipes.photo.measuring import FIGURES, measure
from unprompt.recipes.photo.sources import photographs


def main() -> int:
    """Exit code 0 = heads, figures and page are written, 1 = they could not be."""
    parser = argparse.ArgumentParser("python -m unprompt.recipes.photo", description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", required=True, nargs="+", help="manifests with path, label, source and content")
    parser.add_argument("--packages", type=Path, help="folder of the unpacked packages that extra.csv.gz names")
    parser.add_argument("--cache", type=Path, help="folder of degraded pictures and nets; default: the user's cache")
    parser.add_argument("--suite", type=Path, default=SUITE, help="folder of the suite; default: in the package")
    parser.add_argument("--page", type=Path, default=Path("docs/photo.md"), help="the card; default: docs/photo.md")
    parser.add_argument("--workers", type=int, default=usable_cores(), help="processes that degrade pictures")
    parser.add_argument("--panel", choices=PANELS, action="append", help="which to make; default: all")
    parser.add_argument("--quick", action="store_true", help="few steps: run the whole recipe, train nothing")
    chosen = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("unprompt").setLevel(logging.INFO)
    cache = chosen.cache or cache_folder() / ("photographs-quick" if chosen.quick else "photographs")
    try:
        rows = photographs(chosen.data, chosen.packages)
        shorten, panels = 500 if chosen.quick else 1, chosen.panel or tuple(PANELS)
        trainer = HeadTrainer(rows, cache, chosen.suite, chosen.workers, shorten, panels)
        trainer.make()
        figures = former(trainer.suite / FIGURES) | measure(trainer, chosen.data)
        (trainer.suite / FIGURES).write_bytes(packed(figures))
        chosen.page.write_text(card(figures), "utf-8")
    except UnpromptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def former(path: Path) -> dict[str, Any]:
    """What the file keeps that this run does not measure: the first edition, and grey and toned pictures."""
    kept: dict[str, Any] = read_packed(path) if path.exists() else {}
    return {name: kept[name] for name in ("former", "toned") if name in kept}


if __name__ == "__main__":
    sys.exit(main())

"""``python -m unprompt.recipes.captions``: train and measure the suite's maps and captioner, or go on after a stop."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import replace
from pathlib import Path

from unprompt.errors import UnpromptError
from unprompt.instruments import Suite
from unprompt.instruments.aligned import AlignedMaps
from unprompt.instruments.cache import cache_folder
from unprompt.instruments.suite_file import pin
from unprompt.recipes.captions import decoder, maps
from unprompt.recipes.captions.measuring import FIGURES, measure
from unprompt.recipes.captions.pairs import Captioned, captioned, only_texts
from unprompt.recipes.captions.seen import config_of, seen_of
from unprompt.recipes.captions.vectors import SentenceVectors
from unprompt.recipes.figures import encoded
from unprompt.recipes.photo.head_trainer import SUITE
from unprompt.recipes.photo.nets import TOWER
from unprompt.training.schedule import Schedule


def main() -> int:
    """Exit code 0 = maps, captioner and figures are written, 1 = they could not be."""
    parser = argparse.ArgumentParser("python -m unprompt.recipes.captions", description=__doc__, allow_abbrev=False)
    parser.add_argument("--captioned", type=Path, required=True, help="lines of JSON: path, captions, set")
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="gzipped JSON: captions without pictures")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "captions", help="default: the user's cache")
    parser.add_argument("--suite", type=Path, default=SUITE, help="folder of the suite; default: in the package")
    parser.add_argument("--quick", action="store_true", help="few steps: run the whole recipe, train nothing")
    chosen = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("unprompt").setLevel(logging.INFO)
    try:
        rows = captioned(chosen.captioned)
        make(rows, chosen.texts, chosen.suite, chosen.cache, 100 if chosen.quick else 1)
        pin(chosen.suite / "suite.toml")
        figures = measure(rows, Suite.load(chosen.suite))
    except UnpromptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    (chosen.suite / FIGURES).write_bytes(encoded(figures))
    return 0


def make(rows: list[Captioned], texts: list[Path], folder: Path, cache: Path, shorten: int) -> None:
    """Train what the suite in ``folder`` ships, beside its file."""
    suite = Suite.load(folder)
    held_out = {text for one in rows if one.held_out for text in one.captions}
    alone = only_texts(texts, held_out)
    told = [text for several in (*alone, *(one.captions for one in rows)) for text in several]
    vectors = SentenceVectors([*told, *maps.phrases_of(rows)], suite.text, cache)
    seen = seen_of(rows, suite.at_dtype(TOWER).vision, cache)
    config = config_of(suite.vision)
    made = AlignedMaps.on(config, suite.vision, suite.text)
    maps.make(rows, seen, vectors, made, cache, _shorter(maps.SCHEDULE, shorten, sum(not one.held_out for one in rows)))
    maps.save(made, config, folder / "encoder")
    stock = decoder.Stock(rows, seen, alone, vectors, made, config)
    captioner, tokenizer = decoder.make(stock, cache, _shorter(decoder.SCHEDULE, shorten, len(alone)))
    decoder.save(captioner, tokenizer, folder / "captioner")


def _shorter(schedule: Schedule, times: int, most: int) -> Schedule:
    """One in so many steps, with batches of no more than there are."""
    steps = max(1, schedule.steps // times)
    return replace(schedule, steps=steps, batch=min(schedule.batch, most), warmup=min(schedule.warmup, steps))


if __name__ == "__main__":
    sys.exit(main())

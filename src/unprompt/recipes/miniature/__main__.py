"""``python -m unprompt.recipes.miniature``: train the embedded suite from nothing, or go on where a run ended."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from unprompt.errors import UnpromptError
from unprompt.instruments.cache import cache_folder
from unprompt.recipes.miniature.recipe import FURTHER, STAGES, run
from unprompt.recipes.miniature.stage import BuildContext


def main() -> int:
    """Exit code 0 = all is made, 1 = a stage could not be."""
    parser = argparse.ArgumentParser("python -m unprompt.recipes.miniature", description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="few steps on few scenes: prove the chain, train nothing")
    parser.add_argument(
        "--cache", type=Path, help="folder of scenes, checkpoints and stamps; default: the user's cache"
    )
    parser.add_argument(
        "--further", action="store_true", help="the generators that are not shipped, in place of the suite"
    )
    parser.add_argument("--only", choices=(*STAGES, *FURTHER), help="one stage alone, even if it is finished")
    parser.add_argument("--suite", type=Path, help="folder of the suite; default: its place in the package")
    chosen = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("unprompt").setLevel(logging.INFO)
    cache = chosen.cache or cache_folder() / ("recipe-quick" if chosen.quick else "recipe")
    try:
        context = BuildContext(cache.absolute(), chosen.quick, chosen.suite and chosen.suite.absolute())
        run(context, chosen.only, FURTHER if chosen.further else STAGES)
    except UnpromptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

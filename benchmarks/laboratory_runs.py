"""Every table and figure of the four papers, one after another, and what each took.

    python benchmarks/laboratory_runs.py --out DIR [--suite S] [--data D] [--pictures N] [--seeds N] [RECIPE ...]

Each recipe is ``unprompt reproduce`` in a process of its own; all share DIR/store. Results lie in DIR/PAPER/TABLE, the
log of each beside them. Its row goes into DIR/costs.json as soon as it is there: seconds, and processor seconds with
those of what it started. The same command goes on where it was interrupted, and does what failed again. ``--again``
runs what is done once more, with everything stored, into a column of its own. Exit code 1 when a recipe
failed. Unix alone.

``python benchmarks/laboratory.py --results DIR`` writes the page of the answers.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from unprompt.workflows.planning.recipe_files import recipes

COSTS: Final = "costs.json"
SETTINGS: Final = ("suite", "data", "pictures", "seeds")


def command(chosen: argparse.Namespace, name: str) -> list[str]:
    """The words of one recipe's run."""
    words = ["reproduce", name, "--suite", chosen.suite, "--store", str(chosen.out / "store"), "--yes"]
    words += ["--out", str(chosen.out / name), "--seeds", str(chosen.seeds)]
    words += [word for one in chosen.data for word in ("--data", one)]
    return words + (["--pictures", str(chosen.pictures)] if chosen.pictures else [])


def run(chosen: argparse.Namespace, name: str) -> dict[str, Any]:
    """What one run took, and its exit code."""
    log = chosen.out / name / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    start, before = time.monotonic(), _processor()
    with log.open("ab") as file:
        done = subprocess.run(
            [sys.executable, "-m", "unprompt", *command(chosen, name)], stdout=file, stderr=file, check=False
        )
    return {"status": done.returncode, "seconds": time.monotonic() - start, "processor": _processor() - before}


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_costs(path: Path, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Recipe -> what its runs took; of another run's folder the program ends."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {"settings": settings, "recipes": {}}
    if kept["settings"] != settings:
        sys.exit(f"{path.parent} holds runs with {kept['settings']}, these have {settings}: name another --out")
    found: dict[str, dict[str, Any]] = kept["recipes"]
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run what is asked for and not done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="as sare/table1; all, if none is named")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--suite", default="miniature")
    parser.add_argument("--data", action="append", default=[])
    parser.add_argument("--pictures", type=int, help="at most so many of each label, generator and split")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each head")
    parser.add_argument("--again", action="store_true", help="run what is done once more")
    chosen = parser.parse_args(words)
    settings, path = {name: getattr(chosen, name) for name in SETTINGS}, chosen.out / COSTS
    costs = read_costs(path, settings)
    kind = "stored" if chosen.again else "first"
    asked = chosen.recipes or list(recipes())
    for name in asked:
        before = costs.get(name, {})
        if chosen.again != (before.get("first", {}).get("status") == 0) or before.get("stored"):
            continue
        print(f"{name}: ", end="", flush=True)
        took = run(chosen, name)
        costs[name] = {**before, kind: took}
        path.write_text(json.dumps({"settings": settings, "recipes": costs}, indent=1) + "\n", "utf-8")
        failed = f", exit code {took['status']}: {chosen.out / name / 'log.txt'}" if took["status"] else ""
        print(f"{took['seconds']:.0f} s, {took['processor']:.0f} s of processor{failed}", flush=True)
    return int(any(costs.get(name, {}).get("first", {}).get("status") for name in asked))


if __name__ == "__main__":
    sys.exit(main())

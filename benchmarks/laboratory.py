"""The laboratory's page: what the stored results of ``unprompt reproduce`` say to each claim of the four papers.

    python benchmarks/laboratory.py --results DIR [--results DIR] [--sign SUITE=sign.parquet]

DIR holds folders that ``reproduce`` wrote, however deep; where ``laboratory_runs.py`` did, what each took is told too.
``docs/laboratory.md`` is written from ``docs/laboratory.json.gz``, where a table that is not given stays as it is.
``--sign`` takes the numbers of ``unprompt analyse sign``.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import pyarrow as pa
import pyarrow.parquet as pq
from laboratory_page import RULING, curves, digest, drawing, page
from PIL import Image

from unprompt.analysis import draw_levels
from unprompt.analysis.style import looks, saver
from unprompt.evaluation import FigureRecipe
from unprompt.recipes.figures import packed, read_packed
from unprompt.report.results import read_rows
from unprompt.types import SPLITS
from unprompt.workflows.planning.recipe_files import recipe

HERE = Path(__file__).resolve().parent
MEANS: Final = ("perturbation", "generator", "metric", "value", "low", "high")
"""What is kept of a mean, behind the name of its row."""
COLOURS: Final = 16


def entry(folder: Path) -> dict[str, Any]:
    """What the page needs of one run."""
    told, settings = (json.loads((folder / name).read_text("utf-8")) for name in ("claims.json", "run.json"))
    made = recipe(told["recipe"])
    metrics = () if isinstance(made, FigureRecipe) else made.metrics
    results = read_rows(folder / "results.json") if metrics else ()
    kinds = ("macro",) if metrics and made.perturbations else ("macro", "unseen")
    means = [
        [json.loads(row.settings)["row"], *(_short(getattr(row, name)) for name in MEANS)]
        for row in results
        if row.generator in kinds and row.metric in metrics
    ]
    kept = {name: settings[name] for name in ("pictures", "seeds", "seed", "learned")}
    kept["schedules"] = "suite_options" in settings
    claims = [[claim[name] for name in RULING] for claim in told["claims"]]
    questions = digest([claim["says"] for claim in told["claims"]])
    made_of = {"recipe": told["recipe"], "suite": told["suite"], "camera": camera(told["data"])}
    kept["counts"] = [asked(told["data"]).get(split, "") for split in SPLITS]
    return {**made_of, **kept, "asked": questions, "claims": claims, "means": means}


def camera(data: Sequence[str]) -> str:
    """Of the little world's pictures, as a data specification names it; empty = the plain one."""
    return asked(data).get("camera", "")


def asked(data: Sequence[str]) -> dict[str, str]:
    """What data specifications say behind a question mark."""
    return dict(one for spec in data for one in parse_qsl(spec.partition("?")[2]))


def key(run: Mapping[str, Any]) -> tuple[str, str, str]:
    """What no two runs of the page share."""
    return run["recipe"], run["suite"], run["camera"]


def lasting(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without quick runs of what another asked by the same camera of more pictures."""
    longer = {(one["recipe"], one["camera"]) for one in runs if not one["pictures"]}
    return [one for one in runs if not one["pictures"] or (one["recipe"], one["camera"]) not in longer]


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def with_costs(runs: Mapping[tuple[str, str, str], dict[str, Any]], root: Path) -> None:
    """Add what ``laboratory_runs.py`` noted of the runs in its folder: ``first`` and ``stored``."""
    file = root / "costs.json"
    if file.exists():
        noted = json.loads(file.read_text("utf-8"))
        for name, took in noted["recipes"].items():
            if run := runs.get((name, noted["settings"]["suite"], camera(noted["settings"]["data"]))):
                run["took"] = {kind: [round(one["seconds"]), round(one["processor"])] for kind, one in took.items()}


def signs(suite: str, path: Path) -> list[dict[str, Any]]:
    """The rows of one table of signs."""
    return [{"suite": suite, **row} for row in pq.read_table(path).to_pylist()]


def main(words_given: Sequence[str] | None = None) -> int:
    """Gather the runs, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", action="append", type=Path, default=[])
    parser.add_argument("--sign", action="append", metavar="SUITE=PARQUET", default=[])
    parser.add_argument("--page", type=Path, default=HERE.parent / "docs" / "laboratory.md")
    chosen = parser.parse_args(words_given)
    kept = chosen.page.with_suffix(".json.gz")
    stored = read_packed(kept) if kept.exists() else {"runs": [], "signs": []}
    runs = {key(one): one for one in stored["runs"]}
    for root in chosen.results:
        runs |= {key(made): made for made in (entry(path.parent) for path in sorted(root.rglob("claims.json")))}
        with_costs(runs, root)
    found = dict(one.split("=", 1) for one in chosen.sign)
    others = [row for row in stored["signs"] if row["suite"] not in found]
    told = [*others, *(row for suite, path in found.items() for row in signs(suite, Path(path)))]
    whole = {"runs": lasting([runs[one] for one in sorted(runs)]), "signs": told}
    kept.write_bytes(packed(whole))
    chosen.page.write_text(page(read_packed(kept)), "utf-8")
    for run in whole["runs"]:
        if table := curves(run):
            chosen.page.with_name(drawing(run)).write_bytes(drawn(table))
    return 0


def drawn(table: pa.Table) -> bytes:
    """Curves as a WebP file of few colours: a third of an SVG's bytes."""
    made = io.BytesIO()
    with looks():
        saver(draw_levels(table), "png")(made)
    picture = io.BytesIO()
    few = Image.open(made).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.convert("RGB").save(picture, "WEBP", lossless=True, method=6, quality=100)
    return picture.getvalue()


if __name__ == "__main__":
    sys.exit(main())

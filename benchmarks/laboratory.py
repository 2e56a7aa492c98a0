"""The laboratory's page: what the stored results of ``unprompt reproduce`` say to each claim of the four papers.

    python benchmarks/laboratory.py --results DIR [--results DIR] [--sign SUITE=sign.parquet]

DIR holds folders that ``reproduce`` wrote, however deep; where ``laboratory_runs.py`` did, what each took is told too.
``docs/laboratory.md`` is written from ``docs/laboratory.json.gz``, where a table that is not given stays as it is.
``--sign`` takes the numbers of ``unprompt analyse sign``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import parse_qsl

import pyarrow as pa
import pyarrow.parquet as pq

from unprompt.analysis import draw_levels, levels_table
from unprompt.analysis.style import looks, saver
from unprompt.evaluation import FigureRecipe, Interval, Ruling
from unprompt.evaluation.laboratory import LEVEL, Answer
from unprompt.recipes.figures import encoded
from unprompt.report.grid import Grid, markdown
from unprompt.report.paper_table import claims_grid
from unprompt.report.results import read_rows, words
from unprompt.store import write_aside
from unprompt.types import SPLITS
from unprompt.workflows.planning.recipe_files import recipe, recipes

HERE = Path(__file__).resolve().parent
HEAD = """# The laboratory

Each claim of the four papers that one of the recipes asks about, and questions of our own (`beyond/`), answered by what
was measured. This page is written by `python benchmarks/laboratory.py` from the results that `unprompt reproduce`
stored, which lie condensed in `laboratory.json.gz`; nothing here is typed. `make laboratory` runs all of it again. What
we believe the reasons are: [miniature.md](miniature.md#the-papers-claims-here).

A claim **holds** where the paired interval of the difference, at 95 % over pictures (and over seeds where there are
several), lies above its bound; it **does not hold** where it lies under it; else it is **undecided**. The bound is 0
unless another is told. Intervals are not corrected for the number of claims. `unseen` is the mean of the generators
that a head has not learned from.

A run that is marked **quick** took so few pictures to learn from, too: it shows that a claim can be asked, and how. Its
answers are about heads that saw a few dozen pictures of each class of synthetic scenes, not about the papers' models.
Where heads were trained **by the papers' schedules**, made for 10^5 pictures, they took few steps here, SARE's and
SemGIR's the fewest; the others took the schedules that the suite's file has since.
"""

MEANS: Final = ("perturbation", "generator", "metric", "value", "low", "high")
"""What is kept of a mean, behind the name of its row."""
RULING: Final = tuple(one.name for one in fields(Ruling) if one.name != "says")
"""What is kept of an answer."""


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


def read(path: Path) -> dict[str, Any]:
    """What the page is written from."""
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return found


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def digest(says: Sequence[str]) -> str:
    """Of the claims that were asked about: a recipe that asks about others has to be run again."""
    return hashlib.sha256("\n".join(says).encode()).hexdigest()[:12]


def rulings(run: Mapping[str, Any]) -> list[Ruling]:
    """The answers of a run, with the recipe's own words."""
    says = [claim.says for claim in recipe(run["recipe"]).claims]
    if digest(says) != run["asked"]:
        sys.exit(f"{run['recipe']} asks about other claims than it did when it was run: run it again")
    return [Ruling(said, **dict(zip(RULING, one, strict=True))) for said, one in zip(says, run["claims"], strict=True)]


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


def page(stored: Mapping[str, Any]) -> str:
    """The text of the page."""
    runs: list[dict[str, Any]] = stored["runs"]
    answers = Counter(claim.answer for run in runs for claim in rulings(run))
    counted = ", ".join(f"{answers[name]} {name}" for name in get_args(Answer))
    parts = [HEAD, f"Of {answers.total()} claims asked about: {counted}.\n", markdown([_glance(runs)])]
    parts += [part for run in runs for part in _run(run)]
    if stored["signs"]:
        parts += ["## The sign question\n", _signs(stored["signs"])]
    if timed := [run for run in runs if "took" in run]:
        parts += ["## What the runs took\n", markdown([_times(timed)])]
    there = {run["recipe"] for run in runs}
    lacking = [f"- `{name}`: {recipe(name).title}" for name in recipes() if name not in there]
    parts += ["## What was not run\n", *(lacking or ["Nothing: every recipe has results."])]
    return "\n".join(parts) + "\n"


def _glance(runs: Sequence[Mapping[str, Any]]) -> Grid:
    """A line a run: how many claims were answered how."""
    lines = []
    for run in runs:
        found = rulings(run)
        answers = [sum(one.answer == name for one in found) for name in get_args(Answer)]
        pictures = max((one.n_real + one.n_generated for one in found), default=0)
        lines.append((_heading(run), "yes" if run["pictures"] else "", *map(str, (pictures, *answers))))
    return Grid("At a glance", ("table or figure", "quick", "pictures", *get_args(Answer)), tuple(lines), labels=2)


def _heading(run: Mapping[str, Any]) -> str:
    return f"{run['recipe']}, camera {run['camera']}" if run["camera"] else str(run["recipe"])


def drawing(run: Mapping[str, Any]) -> str:
    """Name of the file of a run's curves."""
    return f"laboratory-{_heading(run).replace('/', '-').replace(', camera ', '-')}.svg"


def curves(run: Mapping[str, Any]) -> pa.Table | None:
    """The means of the first metric over the recipe's axis; None of a recipe without one."""
    made = recipe(run["recipe"])
    if isinstance(made, FigureRecipe) or not made.axis:
        return None
    points = {
        row: Interval(value, low, high, LEVEL)
        for row, chain, generator, metric, value, low, high in run["means"]
        if (chain, generator, metric) == ("", "macro", made.metrics[0])
    }
    return levels_table(points, made.metrics[0], made.axis)


def _run(run: Mapping[str, Any]) -> Iterator[str]:
    made = recipe(run["recipe"])
    taken = "all pictures"
    if all(run["counts"]):
        taken = "{} pictures a class to learn from, {} to calibrate on, {} to test on".format(*run["counts"])
    if run["pictures"]:
        taken = f"at most {run['pictures']} pictures of each label, generator and split"
    heads = "one training of each head" if run["seeds"] == 1 else f"{run['seeds']} trainings of each head"
    yield f"## {_heading(run)}: {made.title}\n"
    quick = "**Quick**: " if run["pictures"] else ""
    figure = isinstance(made, FigureRecipe)
    schedules = "" if run["schedules"] else ", by the papers' schedules"
    learned = "nothing is learned" if figure else f"{heads}{schedules}; learned from {', '.join(run['learned'])}"
    yield f"{quick}suite `{run['suite']}`, {taken}, {learned}.\n"
    claims = claims_grid(rulings(run), points=not figure)
    yield markdown([Grid("Claims", claims.header, claims.rows, labels=2)])
    if not figure:
        yield markdown([_means(run, made.perturbations)])
    if curves(run):
        yield f"![{made.title}]({drawing(run)})\n"


def _means(run: Mapping[str, Any], perturbations: Sequence[str]) -> Grid:
    """A line a row: each metric's means, or where pictures are changed those before and after all changes."""
    found = {tuple(one[:4]): one[4:] for one in run["means"]}
    metrics = list(dict.fromkeys(metric for *_, metric in found))
    several = any(key[2] == "unseen" and found[key] != found[*key[:2], "macro", key[3]] for key in found)
    if perturbations:
        columns = [(chain, "macro", metric) for metric in metrics for chain in ("", *perturbations)]
    else:
        columns = [("", name, metric) for metric in metrics for name in ("macro", *(["unseen"] if several else []))]
    headings = [f"{words(metric)} {chain or ('mean' if name == 'macro' else name)}" for chain, name, metric in columns]
    lines = [
        (row, *(_cell(found.get((row, *column)), bool(column[0])) for column in columns))
        for row in dict.fromkeys(row for row, *_ in found)
    ]
    return Grid("Means over test sets, in percent", ("row", *headings), tuple(lines))


def _cell(one: Sequence[float] | None, alone: bool) -> str:
    """A mean, and its interval unless it is to stand alone."""
    if one and alone:
        return f"{100 * one[0]:.1f}"
    return "" if one is None else "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * number for number in one))


def _signs(rows: Sequence[Mapping[str, Any]]) -> str:
    body = tuple(
        (
            row["suite"],
            row["measure"],
            row["generator"],
            row["answer"],
            f"{row['chance']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
            f"{row['delta']:+.2f} [{row['delta_low']:+.2f}, {row['delta_high']:+.2f}]",
            f"{row['n_real']} + {row['n_generated']}",
        )
        for row in rows
    )
    header: tuple[str, ...] = (
        "suite",
        "distance from the caption",
        "generator",
        "generated pictures align",
        "P(generated further)",
        "difference of means, in standard deviations of real pictures",
        "pictures",
    )
    return markdown([Grid("Do generated pictures align more or less with their captions?", header, body, labels=4)])


def _times(runs: Sequence[Mapping[str, Any]]) -> Grid:
    """A line a run, and their sum; the second time where there was one."""
    kinds = [kind for kind in ("first", "stored") if any(kind in run["took"] for run in runs)]
    lines = [
        (_heading(run), *(f"{one:,}" if one else "" for kind in kinds for one in run["took"].get(kind, (0, 0))))
        for run in runs
    ]
    total = sum(run["took"]["first"][1] for run in runs)
    header: tuple[str, ...] = (
        "recipe",
        "seconds",
        "processor seconds",
        "with everything stored: seconds",
        "processor seconds",
    )
    header = header[: 1 + 2 * len(kinds)]
    return Grid(
        f"{total / 3600:.1f} hours of a processor; what a former recipe stored is not made again", header, tuple(lines)
    )


def main(words_given: Sequence[str] | None = None) -> int:
    """Gather the runs, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", action="append", type=Path, default=[])
    parser.add_argument("--sign", action="append", metavar="SUITE=PARQUET", default=[])
    parser.add_argument("--page", type=Path, default=HERE.parent / "docs" / "laboratory.md")
    chosen = parser.parse_args(words_given)
    kept = chosen.page.with_suffix(".json.gz")
    stored = read(kept) if kept.exists() else {"runs": [], "signs": []}
    runs = {key(one): one for one in stored["runs"]}
    for root in chosen.results:
        runs |= {key(made): made for made in (entry(path.parent) for path in sorted(root.rglob("claims.json")))}
        with_costs(runs, root)
    found = dict(one.split("=", 1) for one in chosen.sign)
    others = [row for row in stored["signs"] if row["suite"] not in found]
    told = [*others, *(row for suite, path in found.items() for row in signs(suite, Path(path)))]
    whole = {"runs": [runs[one] for one in sorted(runs)], "signs": told}
    kept.write_bytes(gzip.compress(encoded(whole), mtime=0))
    chosen.page.write_text(page(read(kept)), "utf-8")
    for run in whole["runs"]:
        if table := curves(run):
            with looks():
                write_aside(chosen.page.with_name(drawing(run)), saver(draw_levels(table), "svg"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

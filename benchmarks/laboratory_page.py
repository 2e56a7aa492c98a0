"""The text of the laboratory's page, and the curves that it shows, from what ``laboratory.py`` gathered."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, get_args

import pyarrow as pa

from unprompt.analysis import levels_table
from unprompt.evaluation import FigureRecipe, Interval, Ruling
from unprompt.evaluation.laboratory import LEVEL, Answer
from unprompt.report.grid import Grid, markdown
from unprompt.report.paper_table import claims_grid
from unprompt.report.results import words
from unprompt.workflows.planning.recipe_files import recipe, recipes

HEAD = """# The laboratory

Each claim of the four papers that one of the recipes asks about, and questions of our own (`beyond/`), answered by what
was measured. This page is written by `python benchmarks/laboratory.py` from the results that `unprompt reproduce`
stored, which lie condensed in `laboratory.json.gz`; nothing here is typed. `make laboratory` runs all of it again. What
we believe the reasons are: [miniature.md](miniature.md#the-papers-claims-here).

A claim **holds** where the paired interval of the difference, at 95 % over pictures (and over seeds where there are
several), lies above its bound; it **does not hold** where it lies under it; else it is **undecided**. The bound is 0
unless another is told. The two means of a figure's claim are taken as independent, which is rather too wide where they
are of the same pictures. Intervals are not corrected for the number of claims. `unseen` is the mean of the generators
that a head has not learned from.

A run that is marked **quick** took so few pictures to learn from, too: it shows that a claim can be asked, and how. Its
answers are about heads that saw a few dozen pictures of each class of synthetic scenes, not about the papers' models.
Where heads were trained **by the papers' schedules**, made for 10^5 pictures, they took few steps here, SARE's and
SemGIR's the fewest; the others took the schedules that the suite's file has since.
"""

RULING: Final = tuple(one.name for one in fields(Ruling) if one.name != "says")
"""What is kept of an answer."""


def digest(says: Sequence[str]) -> str:
    """Of the claims that were asked about: a recipe that asks about others has to be run again."""
    return hashlib.sha256("\n".join(says).encode()).hexdigest()[:12]


def rulings(run: Mapping[str, Any]) -> list[Ruling]:
    """The answers of a run, with the recipe's own words."""
    says = [claim.says for claim in recipe(run["recipe"]).claims]
    if digest(says) != run["asked"]:
        sys.exit(f"{run['recipe']} asks about other claims than it did when it was run: run it again")
    return [Ruling(said, **dict(zip(RULING, one, strict=True))) for said, one in zip(says, run["claims"], strict=True)]


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
    return f"laboratory-{_heading(run).replace('/', '-').replace(', camera ', '-')}.webp"


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
    made_of = ", ".join(run["learned"])
    learned = f"{heads}{schedules}; learned from {made_of}" if made_of else "nothing is learned"
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

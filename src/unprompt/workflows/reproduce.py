"""``unprompt reproduce``: a paper's table, from pictures to numbers beside the printed ones and answers to claims."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from unprompt.choices import Precision
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import FigureRecipe, Measurements, Recipe, Result, Ruling, TableRecipe, measure_heads
from unprompt.instruments import Manifest, Suite
from unprompt.report.figure_table import figure_grids
from unprompt.report.grid import FORMS, Grid, render
from unprompt.report.paper_table import PaperTable, claims_grid
from unprompt.report.results import write_rows
from unprompt.store import fingerprint, write_aside
from unprompt.store.files import locked
from unprompt.structured_text import read_object
from unprompt.urls import local_path
from unprompt.workflows.laboratory.cells import Bench
from unprompt.workflows.laboratory.figure import draw_curves, draw_figure
from unprompt.workflows.laboratory.numbers import result_rows
from unprompt.workflows.planning.dry_run import DryRun, estimate
from unprompt.workflows.planning.recipe_files import recipe
from unprompt.workflows.planning.recipes import RecipeSamples, select, specs_of
from unprompt.workflows.planning.status import RecipeStatus, left_out, statuses

log = logging.getLogger(__name__)

SETTINGS: Final = "run.json"
TABLE: Final = "table"
CLAIMS: Final = "claims.json"
QUICK: Final = 64
"""Pictures of each label, generator and split of a quick run."""


@dataclass(frozen=True)
class Reproduction:
    """The results of a run; the files hold all of them."""

    recipe: str
    rows: tuple[Result, ...]
    """Every number with its settings, and the paper's where it has one."""
    claims: tuple[Ruling, ...]
    """What the numbers say to the paper's claims."""
    tables: tuple[Grid, ...]
    """As the paper lays them out; the last one holds the claims."""
    absent: tuple[str, ...]
    """Test sets of the paper that were not there."""
    left_out: Mapping[str, str]
    """Row that could not be run -> why."""
    files: tuple[Path, ...]


def reproduce(
    table: str | None = None,
    *,
    listed: bool = False,
    data: Sequence[str] | str | None = None,
    suite: str | Path = "paper",
    out: Path | str | None = None,
    store: Path | str = "out/laboratory",
    dry_run: bool = False,
    quick: bool = False,
    pictures: int | None = None,
    train_on: Sequence[str] | None = None,
    seeds: int = 1,
    repeats: int = 1000,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    devices: int = 1,
    precision: Precision = "32",
    accumulate: int = 1,
    checkpointing: bool = False,
    workers: int = 0,
    options: Mapping[str, Any] | None = None,
    max_minutes: float | None = 5.0,
) -> Reproduction | DryRun | tuple[RecipeStatus, ...]:
    """Make a paper's table or figure, with its numbers beside ours; an interrupted run goes on by the same command.

    Extracts, trains and scores what the table's rows need, each thing once, for all tables that take the same
    pictures; a figure is drawn from the evidence alone. Pictures of other generators may stand in for the paper's, and
    are then measured without being compared.

    A run that would take longer than ``max_minutes`` on a CPU raises Unconfirmed before it begins; None = no limit.

    Args:
        table: PAPER/TABLE or PAPER/FIGURE, as sare/table1 or tidy/figure1, or the path of a recipe's .toml.
        listed: Name every recipe with its status for this suite and data; with a table, say what this one lacks.
        data: The root of the paper's dataset, or a data specification; may be given several times.
        suite: The models to use: ``unprompt suites`` lists them.
        out: Folder of the results: numbers as .parquet and .json, tables as .md, .html and .tex, claims as .json;
            default: out/PAPER/TABLE/SUITE.
        store: Folder of evidence, heads and scores, which tables share.
        dry_run: List what is missing, and estimate hours and disk from a timed sample.
        quick: Take 64 pictures of each label, generator and split at most: numbers to see that all works.
        pictures: Take so many pictures of each label, generator and split at most.
        train_on: Learn from another generator's; may be given several times.
        seeds: Train each head so many times; intervals are then over seeds too.
        repeats: Draws of the bootstrap.
        seed: Seed of everything that is drawn, and of the first training.
        devices: Processes on this machine that share the shards of evidence, then each step of a training, each on a
            device of its own.
        precision: Numbers of the network's forward pass; its weights stay float32.
        accumulate: Parts that a device takes its share of a step in, to save memory.
        checkpointing: Compute the activations of a learned transformer again for its gradients, to save memory.
        workers: Processes a device that prepare pictures ahead.
    """
    given = [data] if isinstance(data, str) else list(data or ())
    if listed:
        return statuses(suite, given, table)
    if table is None:
        raise OptionError("no table is named, expected PAPER/TABLE, or --list to see which there are")
    if seeds < 1:
        raise OptionError(f"--seeds is {seeds}, expected 1 or more trainings of each head")
    wanted, manifest = recipe(table), Manifest.read(suite)
    if seeds > 1 and isinstance(wanted, FigureRecipe):
        raise OptionError(f"--seeds is {seeds}, but {wanted.name} is a figure, which shows one training at most")
    if train_on and not wanted.trainings:
        raise OptionError(
            f"--train-on is {', '.join(train_on)}, but {wanted.name} is a figure, for which nothing is learned"
        )
    specs = specs_of(wanted, given, manifest.name)
    pictures = QUICK if quick and pictures is None else pictures
    selection = select(wanted, specs, train_on, pictures)
    name = f"{manifest.called}{'-quick' if quick else ''}"
    folder = local_path(out, "--out") if out is not None else Path("out", *wanted.name.split("/"), name)
    learning = dict(
        devices=devices, precision=precision, accumulate=accumulate, checkpointing=checkpointing, workers=workers
    )
    place = (
        local_path(store, "--store")
        / fingerprint(sorted((one.uri, one.label, one.generator, one.split) for one in selection.samples))[:12]
    )
    dtype = Suite.load(suite, device, dtype).dtype  # Of all its cells the same, and told with its numbers.
    bench = Bench(place, selection, str(suite), dict(options or {}), device, dtype, max_minutes, learning)
    missing = left_out(wanted, bench)
    if dry_run:
        return estimate(wanted, bench, missing, seeds)
    if selection.problems:
        raise DataError(f"{wanted.name} cannot be run on {', '.join(specs)}: {'; '.join(selection.problems)}")
    if len(missing) == len(wanted.rows):
        raise OptionError(
            f"{wanted.name} cannot be run with the suite {manifest.called}: {next(iter(missing.values()))}"
        )
    _tell_holes(wanted, selection)
    settings = {"seed": seed, "seeds": seeds, "repeats": repeats, "options": dict(options or {}), "dtype": dtype}
    rows = [row for row in wanted.rows if row.method and row.name not in missing]
    settings |= {"pictures": pictures, "index": place.name}
    settings["models"] = fingerprint([bench.models(row) for row in rows])[:12]
    _begin(folder, wanted, selection, manifest, settings)
    log.info(f"{wanted.name}: evidence, heads and scores in {place}")
    heads: dict[tuple[str, str], list[Any]] = {}
    with locked(place / "run.lock"):  # a cell gives the evidence its own labels, one cell at a time
        if isinstance(wanted, FigureRecipe):
            return _drawn(folder, wanted, bench, missing, seed)
        for row in (row for row in wanted.rows if row.name not in missing):
            for number in range(seed, seed + seeds):
                for chain, views in bench.views(wanted, row, number):
                    heads.setdefault((row.name, chain), []).append(views)
    learned = {row.name: () if row.leave_out else selection.learned_by(row) for row in wanted.rows}
    found = measure_heads(heads, learned, pairs=selection.pairs(), repeats=repeats, seed=seed)
    return _written(folder, wanted, bench, found, missing, seeds)


def _tell_holes(recipe: Recipe, selection: RecipeSamples) -> None:
    for one in selection.absent if not selection.standing_in else ():
        log.info(f"{recipe.name}: no test pictures by {one.generator} ({one.heading}): the table has a hole there")
    for told in selection.short:
        log.info(f"{recipe.name}: {told}")


def _begin(
    folder: Path,
    recipe: TableRecipe | FigureRecipe,
    selection: RecipeSamples,
    manifest: Manifest,
    settings: Mapping[str, Any],
) -> None:
    """Store the settings; OptionError when the folder holds another run."""
    settings = {
        "recipe": recipe.name,
        "recipe_digest": hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest(),
        "suite": manifest.called,
        "suite_version": manifest.version,
        "suite_options": {row.method: dict(manifest.options_of(row.method)) for row in recipe.rows if row.method},
        "learned": list(selection.learned),
        **settings,
    }
    path = folder / SETTINGS
    try:
        stored = read_object(path) if path.exists() else settings
    except (OSError, ValueError) as error:
        raise OptionError(f"{path} cannot be read ({error}): name another folder with --out, or delete it") from error
    for name, value in settings.items():
        if stored.get(name) != value:
            raise OptionError(
                f"{folder} holds a run with {name} {stored.get(name)!r}, this one has {value!r}: "
                "name another folder with --out, or delete that one"
            )
    write_aside(path, lambda file: file.write(json.dumps(settings, indent=1, sort_keys=True).encode()))


def _written(
    folder: Path, recipe: TableRecipe, bench: Bench, found: Measurements, missing: Mapping[str, str], seeds: int
) -> Reproduction:
    selection, suite = bench.selection, Manifest.read(bench.suite).called
    columns = selection.candidates or (selection.columns if selection.standing_in else recipe.columns)
    headings = {one.generator: one.heading for one in columns}
    table = PaperTable(recipe, found, headings, selection.standing_in, suite)
    rulings = [found.rule(claim, missing) for claim in recipe.claims]
    rows, grids = result_rows(recipe, bench, found, seeds), [*table.grids(), claims_grid(rulings)]
    files = [folder / f"results{suffix}" for suffix in (".parquet", ".json")]
    for path in files:
        write_rows(path, rows)
    files += _written_texts(folder, recipe, bench, rulings, grids)
    files += draw_curves(recipe, found, folder)
    return Reproduction(
        recipe.name, tuple(rows), tuple(rulings), tuple(grids), _absent(selection), missing, tuple(files)
    )


def _drawn(folder: Path, recipe: FigureRecipe, bench: Bench, missing: Mapping[str, str], seed: int) -> Reproduction:
    made = draw_figure(recipe, bench, folder, missing, seed)
    grids = [*figure_grids(recipe, made.numbers.to_pylist(), bench.selection.standing_in)]
    grids += [claims_grid(made.claims, points=False)] if made.claims else []
    files = (*made.files, *_written_texts(folder, recipe, bench, made.claims, grids))
    return Reproduction(recipe.name, (), made.claims, tuple(grids), _absent(bench.selection), missing, files)


def _absent(selection: RecipeSamples) -> tuple[str, ...]:
    return () if selection.standing_in else tuple(one.heading for one in selection.absent)


def _written_texts(
    folder: Path, recipe: Recipe, bench: Bench, rulings: Sequence[Ruling], grids: Sequence[Grid]
) -> list[Path]:
    """The files of the tables and of the claims."""
    texts = {f"{TABLE}{suffix}": render(grids, suffix) for suffix in FORMS} if grids else {}
    suite, data = Manifest.read(bench.suite).called, bench.selection.data
    claims = {"recipe": recipe.name, "suite": suite, "data": data, "claims": [asdict(one) for one in rulings]}
    texts[CLAIMS] = json.dumps(claims, indent=1, allow_nan=False)
    for name, text in texts.items():
        write_aside(folder / name, lambda file, text=text: file.write(text.encode("utf-8")))  # type: ignore[misc]
    return [folder / name for name in texts]

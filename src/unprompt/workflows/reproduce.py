"""``unprompt reproduce``: a paper's table, from pictures to numbers beside the printed ones."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from unprompt.choices import Precision
from unprompt.errors import DataError, OptionError
from unprompt.evaluation import EvaluationTable, Result, TableRecipe, results, with_paper
from unprompt.instruments import Manifest
from unprompt.report.grid import FORMS, Grid, render
from unprompt.report.paper_table import paper_grids
from unprompt.report.results import write_rows
from unprompt.store import write_aside
from unprompt.structured_text import read_object
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract
from unprompt.workflows.planning.dry_run import DryRun, estimate
from unprompt.workflows.planning.recipes import RecipeSamples, recipe, select, specs_of
from unprompt.workflows.train import train

log = logging.getLogger(__name__)

INDEX: Final = "index.csv"
SETTINGS: Final = "run.json"
TABLE: Final = "table"


@dataclass(frozen=True)
class Reproduction:
    """The results of a run; the files hold all of them."""

    recipe: str
    rows: tuple[Result, ...]
    """Every number with its settings, and the paper's where it has one."""
    tables: tuple[Grid, ...]
    """As the paper lays them out."""
    absent: tuple[str, ...]
    """Test sets of the paper that were not there."""
    files: tuple[Path, ...]


def reproduce(
    table: str,
    *,
    data: Sequence[str] | str | None = None,
    suite: str | Path = "paper",
    out: Path | str | None = None,
    dry_run: bool = False,
    pictures: int | None = None,
    train_on: Sequence[str] | None = None,
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
) -> Reproduction | DryRun:
    """Make a paper's table, with the paper's numbers beside ours; an interrupted run goes on by the same command.

    Extracts, trains and evaluates what the table needs. Pictures of other generators may stand in for the paper's,
    and are then measured without being compared.

    A run that would take longer than ``max_minutes`` on a CPU raises Unconfirmed before it begins; None = no limit.

    Args:
        table: PAPER/TABLE, as sare/table1 or item/table1, or the path of a recipe's .toml.
        data: The root of the paper's dataset, or a data specification; may be given several times.
        suite: The models to use: ``unprompt suites`` lists them.
        out: Folder of all that is made: the index of what was taken, evidence, checkpoint, and the results as
            .parquet, .json, .md, .html and .tex; default: out/PAPER/TABLE/SUITE.
        dry_run: List what is missing, and estimate hours and disk from a timed sample.
        pictures: Take so many pictures of each label, generator and split at most.
        train_on: Learn from another generator's; may be given several times.
        repeats: Draws of the bootstrap; 0 = no intervals.
        seed: Seed of everything that is drawn.
        devices: Processes on this machine that share each step, each on a device of its own.
        precision: Numbers of the network's forward pass; its weights stay float32.
        accumulate: Parts that a device takes its share of a step in, to save memory.
        checkpointing: Compute the activations of a learned transformer again for its gradients, to save memory.
        workers: Processes a device that prepare pictures ahead.
    """
    wanted = recipe(table)
    manifest = Manifest.read(suite)
    specs = specs_of(wanted, [data] if isinstance(data, str) else list(data or ()), manifest.name)
    selection = select(wanted, specs, train_on, pictures)
    folder = Path(out) if out is not None else Path("out", *wanted.name.split("/"), manifest.called)
    if dry_run:
        return estimate(wanted, selection, suite, folder, options, device, dtype)
    if selection.problems:
        raise DataError(f"{wanted.name} cannot be run on {', '.join(specs)}: {'; '.join(selection.problems)}")
    for one in selection.absent if not selection.standing_in else ():
        log.info(f"{wanted.name}: no test pictures by {one.generator} ({one.heading}): the table has a hole there")
    settings = {"seed": seed, "options": dict(options or {}), "dtype": dtype, "pictures": pictures}
    index = _begin(folder, wanted, selection, manifest, settings)
    evidence = extract(
        wanted.method,
        data=f"manifest:{index}",
        out=folder / "evidence",
        suite=suite,
        device=device,
        dtype=dtype,
        options=options,
        max_minutes=max_minutes,
    )
    checkpoint = folder / f"{wanted.method}.safetensors"
    if checkpoint.exists():
        log.info(f"{wanted.method}: already trained, {checkpoint}")
    else:
        train(
            wanted.method,
            evidence=evidence,
            out=checkpoint,
            suite=suite,
            seed=seed,
            device=device,
            devices=devices,
            precision=precision,
            accumulate=accumulate,
            checkpointing=checkpointing,
            workers=workers,
            options=options,
        )
    measured = evaluate(
        checkpoint,
        evidence=evidence,
        suite=suite,
        pair=selection.pairs(),
        repeats=repeats,
        seed=seed,
        device=device,
        dtype=dtype,
    )
    assert isinstance(measured, EvaluationTable)  # the recipes' methods are detectors
    return _written(folder, wanted, selection, measured)


def _begin(
    folder: Path, recipe: TableRecipe, selection: RecipeSamples, manifest: Manifest, settings: Mapping[str, Any]
) -> Path:
    """Store the index and the settings; OptionError when the folder holds another run."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["path", "label", "generator", "split"])
    for one in selection.samples:
        lines.writerow([os.path.abspath(one.uri), one.label, one.generator, one.split or ""])
    index = text.getvalue().encode("utf-8")
    settings = {
        "recipe": recipe.name,
        "recipe_digest": _digest(json.dumps(asdict(recipe), sort_keys=True).encode()),
        "suite": manifest.called,
        "suite_version": manifest.version,
        "learned": list(selection.learned),
        "index_digest": _digest(index),
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
    write_aside(folder / INDEX, lambda file: file.write(index))
    write_aside(path, lambda file: file.write(json.dumps(settings, indent=1, sort_keys=True).encode()))
    return folder / INDEX


def _written(folder: Path, recipe: TableRecipe, selection: RecipeSamples, measured: EvaluationTable) -> Reproduction:
    paper = {} if selection.standing_in else recipe.paper(whole=not selection.absent)
    rows = with_paper(results(measured), paper)
    grids = paper_grids(recipe, rows, selection.columns, selection.standing_in)
    files = [folder / f"results{suffix}" for suffix in (".parquet", ".json")]
    for path in files:
        write_rows(path, rows)
    for suffix in FORMS:
        files.append(folder / f"{TABLE}{suffix}")
        text = render(grids, suffix).encode("utf-8")
        write_aside(files[-1], lambda file, text=text: file.write(text))  # type: ignore[misc]
    absent = () if selection.standing_in else tuple(one.heading for one in selection.absent)
    return Reproduction(recipe.name, tuple(rows), tuple(grids), absent, tuple(files))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

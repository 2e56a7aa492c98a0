"""What a run would need and take, from a sample of its pictures that is timed."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from unprompt.detectors import ATTRIBUTORS, EVERY
from unprompt.errors import DataError, StoreError
from unprompt.evaluation import FigureRecipe, RecipeRow, TableRecipe
from unprompt.instruments import Manifest, Suite
from unprompt.store import Store
from unprompt.types import GENERATED, REAL, Sample
from unprompt.workflows.extract import extract_samples
from unprompt.workflows.laboratory.cells import Bench, row_options, varied_suite
from unprompt.workflows.planning.costs import extractors_of, tflop
from unprompt.workflows.planning.recipes import SampleCount
from unprompt.workflows.train import train

log = logging.getLogger(__name__)

EPOCHS: Final = (1, 4)
"""Trainings of the sample; their difference leaves out what is loaded."""
HOUR: Final = 3600.0


@dataclass(frozen=True)
class RowCost:
    """What one row of a table would take; numbers are None where nothing could be timed."""

    row: str
    method: str
    missing: str = ""
    """Why it would be left out."""
    tflop: float = 0.0
    """10^12 operations a picture, by the suite, what rows above make already included; 0 = not stated."""
    seconds: float | None = None
    """A picture, to extract what the rows above do not make already."""
    epoch_seconds: float | None = None
    """A picture and pass, to train."""
    epochs: int | None = None
    train_hours: float | None = None
    """Of all its heads."""


@dataclass(frozen=True)
class DryRun:
    """What a recipe finds and what it would take; numbers are None where nothing could be timed."""

    recipe: str
    suite: str
    cells: tuple[SampleCount, ...]
    absent: tuple[str, ...]
    """The paper's test sets, HEADING (generator), that the data lacks."""
    learned: tuple[str, ...]
    """Generators that would be learned from."""
    standing_in: bool
    """The data has none of the paper's generators: what it has would be measured, and not compared."""
    problems: tuple[str, ...]
    """Why the run would be refused."""
    rows: tuple[RowCost, ...]
    pictures: int
    present: int
    """Of the pictures, those whose evidence the folder holds already, of some row."""
    tested: int
    """Of the pictures, those to test on, which each perturbation needs anew."""
    perturbations: int
    sample: int
    """Pictures that were timed."""
    seconds: float | None = None
    """A picture, to extract for all rows."""
    kilobytes: float | None = None
    """A picture, on the disk."""
    extract_hours: float | None = None
    """With nothing stored."""
    train_hours: float | None = None
    gigabytes: float | None = None
    free_gigabytes: float = 0.0
    """On the disk that the run would fill."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


def estimate(recipe: TableRecipe | FigureRecipe, bench: Bench, missing: Mapping[str, str], seeds: int) -> DryRun:
    """Nothing stays but the answer: what is timed lies in a folder of its own that is removed."""
    selection, sample = bench.selection, _sample(bench.selection.samples)
    rows, manifest = [row for row in recipe.rows if row.method], Manifest.read(bench.suite)
    with tempfile.TemporaryDirectory(prefix="unprompt-dry-run-", ignore_cleanup_errors=True) as name:
        costs, trainings = [], seeds if recipe.trainings else 0
        for row in rows:
            able = row.name not in missing and bool(sample)
            work = sum(tflop(manifest, one) for one in extractors_of(row.method, manifest))
            log.info(f"{recipe.name}, {row.name}: {f'timing {len(sample)} pictures' if able else 'not timed'}")
            cost = RowCost(row.name, row.method, missing.get(row.name, ""), work)
            costs.append(_timed(cost, row, bench, sample, Path(name), trainings) if able else cost)
        size = sum(path.stat().st_size for path in Path(name, "rest").rglob("*") if path.is_file())
    tested = sum(one.split in ("test", None) for one in selection.samples)
    asked = len(selection.samples) + len(recipe.perturbations) * tested
    seconds = _total([one.seconds for one in costs if not one.missing])
    kilobytes = size / max(1, len(sample) - 1) / 1e3 if seconds is not None else None
    return DryRun(
        recipe=recipe.name,
        suite=manifest.called,
        cells=tuple(selection.cells()),
        absent=tuple(f"{one.heading} ({one.generator})" for one in selection.absent),
        learned=selection.learned,
        standing_in=selection.standing_in,
        problems=selection.problems,
        rows=tuple(costs),
        pictures=len(selection.samples),
        present=_present(bench.folder),
        tested=tested,
        perturbations=len(recipe.perturbations),
        sample=max(0, len(sample) - 1) if seconds is not None else 0,
        seconds=seconds,
        kilobytes=kilobytes,
        extract_hours=None if seconds is None else seconds * asked / HOUR,
        train_hours=_total([one.train_hours for one in costs if not one.missing]),
        gigabytes=None if kilobytes is None else kilobytes * asked / 1e6,
        free_gigabytes=shutil.disk_usage(_existing(bench.folder)).free / 1e9,
    )


def _total(numbers: Sequence[float | None]) -> float | None:
    known = [one for one in numbers if one is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _sample(samples: Sequence[Sample]) -> list[Sample]:
    """Two of each class to learn from and to calibrate on, as they come; of a list without splits the first eight."""
    chosen = []
    for split in ("train", "validation"):
        for label in (REAL, GENERATED):
            chosen += [one for one in samples if (one.split, one.label) == (split, label)][:2]
    return chosen or list(samples[:8])


def _timed(cost: RowCost, row: RecipeRow, bench: Bench, sample: Sequence[Sample], folder: Path, seeds: int) -> RowCost:
    """The sample once through the row's models and its training; what rows above made is there already."""
    suite, options = varied_suite(bench.suite, row, folder / "suites"), row_options(row, bench.options)
    instruments = Suite.load(suite, bench.device, bench.dtype)
    made = EVERY[row.method]
    stated = made.fitting_options(instruments).override(options)
    made.check_suite(instruments, stated)
    extractor = made.evidence_of(stated)
    extract_samples(extractor, sample[:1], folder / "first", instruments)  # loads the models
    start = time.perf_counter()
    extract_samples(extractor, sample[1:] or sample, folder / "rest", instruments)
    seconds = (time.perf_counter() - start) / max(1, len(sample) - 1)
    known, epochs = made.Options().to_dict(), getattr(stated, "epochs", None)
    trains = seeds > 0 and "epochs" in known
    epoch = _epoch(row.method, folder, instruments, options, len(sample) // 2) if trains else 0.0
    heads = seeds * (1 if row.method in ATTRIBUTORS else max(1, len(bench.selection.candidates)))
    selection = bench.selection
    learned = sum(selection.number_learned(row, one) for one in selection.left_out(row))
    hours = None if epoch is None else epoch * learned * (epochs or 1) * heads / HOUR
    return replace(cost, seconds=seconds, epoch_seconds=epoch, epochs=epochs, train_hours=hours)


def _epoch(
    method: str, folder: Path, instruments: Suite, options: Mapping[str, Any] | None, learned: int
) -> float | None:
    """Seconds a picture and pass; None where the sample does not suffice for a training."""
    stores, taken = [folder / "first", folder / "rest"], []
    for epochs in EPOCHS:
        start = time.perf_counter()
        try:
            train(
                method,
                evidence=stores,
                out=folder / f"{method}-{epochs}.safetensors",
                suite=instruments.manifest.cli_name,
                device=instruments.device,
                options={**(options or {}), "epochs": epochs},
            )
        except DataError:
            return None
        taken.append(time.perf_counter() - start)
    return max(0.0, taken[1] - taken[0]) / (EPOCHS[1] - EPOCHS[0]) / max(1, learned)


def _present(folder: Path) -> int:
    try:
        return len(Store(folder / "evidence").read_samples())
    except StoreError:
        return 0


def _existing(folder: Path) -> Path:
    """The folder or the nearest one above it that is there."""
    place = folder.absolute()
    return next(one for one in (place, *place.parents) if one.is_dir())

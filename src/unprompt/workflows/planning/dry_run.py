"""What a run would need and take, from a sample of its pictures that is timed."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from unprompt.detectors import EVERY
from unprompt.errors import DataError, MissingWeights, StoreError
from unprompt.evaluation import TableRecipe
from unprompt.instruments import Suite
from unprompt.store import Store
from unprompt.types import GENERATED, REAL, Sample
from unprompt.workflows.extract import extract_samples
from unprompt.workflows.planning.costs import specs_of, tflop
from unprompt.workflows.planning.recipes import RecipeSamples, SampleCount
from unprompt.workflows.train import train

log = logging.getLogger(__name__)

EPOCHS: Final = (1, 4)
"""Trainings of the sample; their difference leaves out what is loaded."""
HOUR: Final = 3600.0


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
    weights: tuple[str, ...]
    """What the suite lacks on this machine."""
    pictures: int
    present: int
    """Of the pictures, those whose evidence the folder holds already."""
    tflop: float
    """10^12 operations a picture, as the suite states them; 0 = not stated."""
    sample: int
    """Pictures that were timed."""
    seconds: float | None = None
    """A picture, to extract."""
    epoch_seconds: float | None = None
    """A picture and pass, to train."""
    epochs: int | None = None
    kilobytes: float | None = None
    """A picture, on the disk."""
    extract_hours: float | None = None
    train_hours: float | None = None
    gigabytes: float | None = None
    free_gigabytes: float = 0.0
    """On the disk that the run would fill."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


@dataclass(frozen=True)
class _Timed:
    pictures: int
    seconds: float
    bytes: float
    epoch_seconds: float | None


def estimate(
    recipe: TableRecipe,
    selection: RecipeSamples,
    suite: str | Path,
    folder: Path,
    options: Mapping[str, Any] | None,
    device: str,
    dtype: str,
) -> DryRun:
    """Nothing stays but the answer: what is timed lies in a folder of its own that is removed."""
    instruments = Suite.load(suite, device, dtype)
    made = EVERY[recipe.method]
    stated = made.options_for(instruments.manifest)
    extractor = made.evidence_of(stated)
    lacking = _lacking(instruments, [extractor])
    if not lacking:
        made.check_suite(instruments, made.fitting_options(instruments).override(options))
    sample = _sample(selection.samples)
    log.info(f"{recipe.name}: timing {len(sample)} pictures" if sample and not lacking else f"{recipe.name}: not timed")
    timed = None if lacking or not sample else _timed(recipe.method, sample, instruments, options)
    epochs = None if lacking else getattr(made.fitting_options(instruments).override(options), "epochs", None)
    present = _present(folder)
    left = max(0, len(selection.samples) - present)
    learned = sum(1 for one in selection.samples if one.split == "train")
    trained = timed is not None and timed.epoch_seconds is not None and epochs is not None
    return DryRun(
        recipe=recipe.name,
        suite=instruments.name,
        cells=tuple(selection.cells()),
        absent=tuple(f"{one.heading} ({one.generator})" for one in selection.absent),
        learned=selection.learned,
        standing_in=selection.standing_in,
        problems=selection.problems,
        weights=lacking,
        pictures=len(selection.samples),
        present=present,
        tflop=tflop(instruments.manifest, extractor),
        sample=timed.pictures if timed else 0,
        seconds=timed.seconds if timed else None,
        epoch_seconds=timed.epoch_seconds if timed else None,
        epochs=epochs,
        kilobytes=timed.bytes / 1e3 if timed else None,
        extract_hours=timed.seconds * left / HOUR if timed else None,
        train_hours=timed.epoch_seconds * learned * epochs / HOUR if trained else None,  # type: ignore[union-attr, operator]
        gigabytes=timed.bytes * left / 1e9 if timed else None,
        free_gigabytes=shutil.disk_usage(_existing(folder)).free / 1e9,
    )


def _lacking(suite: Suite, extractors: Sequence[Any]) -> tuple[str, ...]:
    """The message of each model whose weights are not here."""
    messages = []
    for spec in specs_of(suite.manifest, extractors):
        try:
            suite.manifest.origin(spec)
        except MissingWeights as error:
            messages.append(str(error))
    return tuple(messages)


def _sample(samples: Sequence[Sample]) -> list[Sample]:
    """Two of each class to learn from and to calibrate on, as they come; of a list without splits the first eight."""
    chosen = []
    for split in ("train", "validation"):
        for label in (REAL, GENERATED):
            chosen += [one for one in samples if (one.split, one.label) == (split, label)][:2]
    return chosen or list(samples[:8])


def _timed(method: str, sample: Sequence[Sample], instruments: Suite, options: Mapping[str, Any] | None) -> _Timed:
    made = EVERY[method]
    extractor = made.evidence_of(made.fitting_options(instruments).override(options))
    with tempfile.TemporaryDirectory(prefix="unprompt-dry-run-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        extract_samples(extractor, sample[:1], folder / "first", instruments)  # loads the models
        rest = list(sample[1:]) or list(sample)
        start = time.perf_counter()
        store = extract_samples(extractor, rest, folder / "rest", instruments)
        seconds = (time.perf_counter() - start) / len(rest)
        size = sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file()) / len(rest)
        return _Timed(len(rest), seconds, size, _epoch(method, folder, instruments, options, len(sample) // 2))


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
                out=folder / f"{epochs}.safetensors",
                suite=instruments.manifest.file,
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

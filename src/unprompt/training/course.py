"""A training on its way through its schedule, whatever engine takes its steps.

All chance comes from (seed, epoch, step), so a run that was killed and goes on ends with the very weights of
one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unprompt.detectors.base import Model
from unprompt.detectors.options import TrainedOptions
from unprompt.errors import OptionError
from unprompt.training.partial import Best, Partial, Progress, identity
from unprompt.training.rows import Labels, Rows

SAVE_SECONDS = 120.0
"""An interrupted run loses no more work than this."""


@dataclass(frozen=True)
class Validation:
    """Evidence that is never learned from and says which epoch is kept."""

    evidence: Sequence[Any]
    labels: Labels


@dataclass(frozen=True)
class Report:
    """How far a training is; told at each epoch's end, and earlier in a long epoch."""

    epoch: float
    """Epochs done, with the share of the one under way."""
    epochs: int
    loss: float
    """Mean training loss of the epoch so far; of several processes, of the first one's pictures."""
    validation_loss: float | None = None
    """At an epoch's end, when validation evidence is given."""
    best: bool = False
    """The validation loss is the lowest so far."""


Tell = Callable[[Report], None]


def unheard(report: Report) -> None:
    """For those who do not ask."""


@dataclass(frozen=True)
class Part:
    """What one process takes of a step at a time."""

    inputs: tuple[Tensor, ...]
    target: Tensor
    count: int
    """Its pictures; 0 in a part that stands in where there are fewer pictures than parts."""
    weight: float
    """The step's gradient is the mean over the parts of the gradients of ``weight`` x mean loss."""
    seed: int
    """Of what the network draws: dropout."""


@dataclass
class Course:
    """What is learned, from what, how far it is, and who is told."""

    detector: Model[Any, Any]
    evidence: Sequence[Any]
    labels: Labels
    seed: int = 0
    on_epoch: Tell = unheard
    on_step: Tell = unheard
    validation: Validation | None = None
    path: Path | None = None
    """Of the partial file."""
    patience: int | None = None
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        if not isinstance(self.detector.options, TrainedOptions):
            raise OptionError(f"{self.detector.method} has no training schedule: its options need to be TrainedOptions")
        if self.patience is not None and self.validation is None:
            raise OptionError(f"--patience is {self.patience}, and there is no validation evidence to go by: give some")
        self.options = self.detector.options
        self.rows = Rows(self.detector, self.evidence, self.labels)
        held = self.validation
        self.held = Rows(self.detector, held.evidence, held.labels) if held and len(held.evidence) else None
        self.detector.prepare_fit(self.evidence)
        self.optimiser = optimiser(self.detector, self.options)
        self.partial = self._partial(self.path) if self.path else None
        self.saved = time.monotonic()
        self.order: tuple[int, npt.NDArray[np.int64]] = (-1, np.arange(0))

    def _partial(self, path: Path) -> Partial:
        name = identity(self.detector, self.evidence, self.rows.labels, self.seed)
        return Partial(path, name, self.detector.network, self.optimiser)

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-len(self.rows) // self.options.batch)

    @property
    def finished(self) -> bool:
        """All epochs are done, or ``patience`` of them brought nothing better."""
        best, done = self.progress.best, self.progress.epoch
        tired = self.patience is not None and best is not None and done - best.epoch >= self.patience
        return done >= self.options.epochs or tired

    def prepare_fit(self) -> None:
        """Take up what an interrupted training left."""
        self.progress = (self.partial and self.partial.load()) or Progress()

    def part(self, epoch: int, step: int, number: int = 0, parts: int = 1) -> Part:
        """Part ``number`` of ``parts`` of a step; all of it by default."""
        if self.order[0] != epoch:
            self.order = epoch, _chance(self.seed, epoch).permutation(len(self.rows))
        batch = self.order[1][step * self.options.batch : (step + 1) * self.options.batch]
        own = np.array_split(batch, parts)[number]
        rng = _chance(self.seed, epoch, step, number) if parts > 1 else _chance(self.seed, epoch, step)
        inputs, target = self.rows.batch(own if len(own) else batch[:1], rng)
        return Part(inputs, target, len(own), parts * len(own) / len(batch), int(rng.integers(2**63)))

    def stepped(self, loss: float, count: int) -> None:
        """A step was taken; ``loss`` is the sum over its ``count`` pictures."""
        progress = self.progress
        progress.loss, progress.seen, progress.step = progress.loss + loss, progress.seen + count, progress.step + 1
        report = self._report(progress.epoch + progress.step / self.steps)
        if time.monotonic() - self.saved > SAVE_SECONDS and progress.step < self.steps:
            if self.partial:
                self.partial.save(progress)
            self.saved = time.monotonic()
            self.on_epoch(report)
        self.on_step(report)

    def close(self, loss: float | None) -> None:
        """The end of an epoch: keep the best, save, tell; ``loss`` is that of validation."""
        best, epoch = self.progress.best, self.progress.epoch + 1
        better = loss is not None and (best is None or loss < best.loss)
        if loss is not None and better:
            weights = {name: tensor.detach().clone() for name, tensor in self.detector.network.state_dict().items()}
            self.progress.best = Best(loss, epoch, weights)
        report = self._report(epoch, loss, better)
        self.progress.next_epoch()
        if self.partial:
            self.partial.save(self.progress)
        self.saved = time.monotonic()
        self.on_epoch(report)

    def end(self) -> None:
        """The best weights, where there is validation to tell them; the network ends in evaluation mode."""
        if self.progress.best:
            self.detector.network.load_state_dict(self.progress.best.weights)
        self.detector.network.eval()

    @property
    def kept(self) -> int:
        """The epoch whose weights are kept, from 1."""
        return self.progress.best.epoch if self.progress.best else self.progress.epoch

    def _report(self, epoch: float, loss: float | None = None, best: bool = False) -> Report:
        return Report(epoch, self.options.epochs, self.progress.loss / max(self.progress.seen, 1), loss, best)


def optimiser(detector: Model[Any, Any], options: TrainedOptions) -> torch.optim.Optimizer:
    """Adam or AdamW over what the method moves, at its rates."""
    made = torch.optim.Adam if options.optimiser == "adam" else torch.optim.AdamW
    return made(detector.parameter_groups(), lr=options.rate, weight_decay=options.weight_decay)


def _chance(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)

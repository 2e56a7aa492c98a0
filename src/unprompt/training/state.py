"""The state of a training: network, optimiser, progress, the weights to keep, and the reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from unprompt.training.resume import Best, Progress, ResumeState

SAVE_SECONDS = 120.0
"""An interrupted run loses no more work than this."""


@dataclass(frozen=True)
class Report:
    """How far a training is: at each epoch's end, and earlier in a long epoch."""

    epoch: float
    """Epochs done, with the share of the one under way."""
    epochs: int
    loss: float
    """Mean training loss of the epoch so far; of several processes, of the first one's pictures."""
    validation_loss: float | None = None
    """At an epoch's end, when validation evidence is given."""
    best: bool = False
    """The validation loss is the lowest so far."""


Callback: TypeAlias = Callable[[Report], None]


def noop(report: Report) -> None:
    """The callback that does nothing."""


@dataclass
class TrainingState:
    """A network, its optimiser and its place in a schedule of ``epochs`` x ``steps``."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    steps: int
    """Of an epoch."""
    epochs: int = 1
    scheduler: LRScheduler | None = None
    """Of the learning rate, by steps; None = a constant one."""
    clip: float | None = None
    """Highest norm of the gradient; None = any."""
    average: float = 0.0
    """Decay of the exponential moving average of the weights, which is what is kept; 0 = no average."""
    keep_last: bool = False
    """Keep the last epoch's weights, whatever the validation loss."""
    patience: int | None = None
    """Epochs without a better validation loss after which the training ends."""
    path: Path | None = None
    """Of the file from which an interrupted training goes on."""
    identity: str = ""
    """What this training's file is known by."""
    on_epoch: Callback = noop
    on_step: Callback = noop
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.weights = {name: one for name, one in self.network.named_parameters() if one.requires_grad}
        self.averages = {name: one.detach().clone() for name, one in self.weights.items()} if self.average else {}
        self.saved = time.monotonic()

    @property
    def finished(self) -> bool:
        """All epochs are done, or ``patience`` of them brought nothing better."""
        best, done = self.progress.best, self.progress.epoch
        return done >= self.epochs or (
            self.patience is not None and best is not None and done - best.epoch >= self.patience
        )

    @property
    def kept(self) -> int:
        """The epoch whose weights are kept, from 1."""
        return self.progress.best.epoch if self.progress.best and not self.keep_last else self.progress.epoch

    @property
    def steps_done(self) -> int:
        """Since the training began."""
        return self.progress.epoch * self.steps + self.progress.step

    def load(self) -> None:
        """Take up what an interrupted training left, where there is some."""
        self.progress = (self._file.load() if self.path else None) or Progress()
        if self.scheduler and (done := self.steps_done):
            place = {"last_epoch": done - 1, "_step_count": done + 1}
            self.scheduler.load_state_dict(self.scheduler.state_dict() | place)
            self.scheduler.step()

    def to(self, device: torch.device) -> None:
        """Move all that a step touches."""
        self.network.to(device)
        self.optimiser.load_state_dict(self.optimiser.state_dict())  # the moments follow their weights
        self.averages = {name: one.to(device) for name, one in self.averages.items()}

    def advance(self, loss: float, count: int) -> None:
        """The optimiser took a step; ``loss`` is the sum over its ``count`` pictures."""
        progress = self.progress
        progress.loss, progress.seen, progress.step = progress.loss + loss, progress.seen + count, progress.step + 1
        if self.scheduler:
            self.scheduler.step()
        if self.averages:
            decay = min(self.average, (1 + self.steps_done) / (10 + self.steps_done))
            current = [one.detach() for one in self.weights.values()]
            torch._foreach_lerp_(list(self.averages.values()), current, 1 - decay)
        report = self._report(progress.epoch + progress.step / self.steps)
        if time.monotonic() - self.saved > SAVE_SECONDS and progress.step < self.steps:
            self._save()
            self.on_epoch(report)
        self.on_step(report)

    def close_epoch(self, validation_loss: float | None) -> None:
        """Keep the weights if they are the best so far, save, and report."""
        best, epoch = self.progress.best, self.progress.epoch + 1
        better = validation_loss is not None and (best is None or validation_loss < best.loss)
        if validation_loss is not None and better:
            weights = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
            best = Best(validation_loss, epoch, weights)
        report = self._report(epoch, validation_loss, better)
        self.progress = Progress(epoch, best=best)
        self._save()
        self.on_epoch(report)

    @torch.no_grad()
    def finish(self) -> None:
        """Give the network the weights to keep, the best or the averaged ones, and set it to evaluation."""
        for name, average in self.averages.items():
            self.weights[name].copy_(average)
        if self.progress.best and not self.keep_last:
            self.network.load_state_dict(self.progress.best.weights)
        self.network.eval()

    @property
    def _file(self) -> ResumeState:
        assert self.path
        return ResumeState(self.path, self.identity, self.network, self.optimiser, self.averages)

    def _save(self) -> None:
        if self.path:
            self._file.save(self.progress)
        self.saved = time.monotonic()

    def _report(self, epoch: float, validation_loss: float | None = None, best: bool = False) -> Report:
        return Report(epoch, self.epochs, self.progress.loss / max(self.progress.seen, 1), validation_loss, best)

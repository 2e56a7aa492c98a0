"""The one training loop: binary cross-entropy, seeded step by step, resumable, the best epoch kept.

All chance comes from (seed, epoch, step), so a run that was killed and goes on ends with the very weights of
one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from unprompt.detectors.base import Fitted
from unprompt.detectors.labels import labelled
from unprompt.detectors.options import TrainedOptions
from unprompt.detectors.solved import Solved
from unprompt.errors import OptionError
from unprompt.training.partial import Best, Partial, Progress, identity

SAVE_SECONDS = 120.0
"""An interrupted run loses no more work than this."""

Labels = Sequence[int] | npt.NDArray[np.integer] | npt.NDArray[np.floating]
"""N zeros and ones; for an attributor N x K, one column a candidate."""


@dataclass(frozen=True)
class Validation:
    """Evidence that is never learned from and says which epoch is kept."""

    evidence: Sequence[Any]
    labels: Labels


@dataclass(frozen=True)
class Report:
    """How far a training is; given at each epoch's end, and earlier in a long first epoch."""

    epoch: float
    """Epochs done, with the share of the one under way."""
    epochs: int
    loss: float
    """Mean training loss of the epoch so far."""
    validation_loss: float | None = None
    """At an epoch's end, when validation evidence is given."""
    best: bool = False
    """The validation loss is the lowest so far."""


def fit(
    detector: Fitted[Any, Any],
    evidence: Sequence[Any],
    labels: Labels,
    seed: int = 0,
    on_epoch: Callable[[Report], None] = lambda report: None,
    validation: Validation | None = None,
    partial: Path | None = None,
) -> None:
    """Fit the detector or attributor in place, by its own options; labels are 0 and 1.

    With ``validation`` the weights of the epoch with the lowest validation loss are kept, else the last ones.
    With ``partial`` the state is saved there at each epoch's end and every two minutes, and an interrupted run
    goes on from it; the caller removes the file once the detector is saved.
    """
    for column in np.atleast_2d(np.asarray(labels).T):
        labelled(len(evidence), column)
    if isinstance(detector, Solved):
        detector.solve(evidence, labels)
    else:
        Training(detector, evidence, labels, seed, on_epoch, validation, partial).run()


class Training:
    """One detector on its way through its schedule."""

    def __init__(
        self,
        detector: Fitted[Any, Any],
        evidence: Sequence[Any],
        labels: Labels,
        seed: int,
        on_epoch: Callable[[Report], None],
        validation: Validation | None,
        partial: Path | None,
    ) -> None:
        if not isinstance(detector.options, TrainedOptions):
            raise OptionError(f"{detector.method} has no training schedule: its options need to be TrainedOptions")
        self.detector, self.options = detector, detector.options
        self.evidence, self.labels = evidence, np.asarray(labels, np.float32)
        self.seed, self.on_epoch, self.validation = seed, on_epoch, validation
        self.optimiser = _optimiser(detector, self.options)
        name = identity(detector, evidence, self.labels, seed)
        self.partial = Partial(partial, name, detector.network, self.optimiser) if partial else None

    def run(self) -> None:
        """All epochs that are left, then the best weights; the network ends in evaluation mode."""
        progress = (self.partial and self.partial.load()) or Progress()
        while progress.epoch < self.options.epochs:
            self._epoch(progress)
        if progress.best:
            self.detector.network.load_state_dict(progress.best.weights)
        self.detector.network.eval()

    def _epoch(self, progress: Progress) -> None:
        order = _chance(self.seed, progress.epoch).permutation(len(self.evidence))
        steps = -(-len(order) // self.options.batch)
        saved = time.monotonic()
        for step in range(progress.step, steps):
            batch = order[step * self.options.batch : (step + 1) * self.options.batch]
            progress.loss += self._step(batch, progress.epoch, step) * len(batch)
            progress.step, progress.seen = step + 1, progress.seen + len(batch)
            if time.monotonic() - saved > SAVE_SECONDS and step + 1 < steps:
                if self.partial:
                    self.partial.save(progress)
                saved = time.monotonic()
                self.on_epoch(self._report(progress, progress.epoch + (step + 1) / steps))
        self._close(progress)

    def _close(self, progress: Progress) -> None:
        """Measure, keep the best, save, tell."""
        loss = self._validate()
        better = loss is not None and (progress.best is None or loss < progress.best.loss)
        if loss is not None and better:
            weights = {name: tensor.detach().clone() for name, tensor in self.detector.network.state_dict().items()}
            progress.best = Best(loss, weights)
        report = self._report(progress, progress.epoch + 1, loss, better)
        progress.next_epoch()
        if self.partial:
            self.partial.save(progress)
        self.on_epoch(report)

    def _step(self, batch: npt.NDArray[np.int64], epoch: int, step: int) -> float:
        chance = _chance(self.seed, epoch, step)
        detector = self.detector
        detector.network.train()
        inputs = [one.to(detector.device) for one in detector.collate([self.evidence[i] for i in batch], chance)]
        target = torch.from_numpy(self.labels[batch]).to(detector.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(chance.integers(2**63)))
            loss = detector.loss(inputs, target)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def _validate(self) -> float | None:
        if self.validation is None:
            return None
        logits = torch.from_numpy(self.detector.logits(self.validation.evidence))
        target = torch.from_numpy(np.asarray(self.validation.labels, np.float64))
        return float(F.binary_cross_entropy_with_logits(logits, target))

    def _report(self, progress: Progress, epoch: float, loss: float | None = None, best: bool = False) -> Report:
        return Report(epoch, self.options.epochs, progress.loss / progress.seen, loss, best)


def _optimiser(detector: Fitted[Any, Any], options: TrainedOptions) -> torch.optim.Optimizer:
    made = torch.optim.Adam if options.optimiser == "adam" else torch.optim.AdamW
    return made(detector.parameter_groups(), lr=options.rate, weight_decay=options.weight_decay)


def _chance(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)

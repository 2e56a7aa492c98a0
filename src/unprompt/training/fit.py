"""Training a head: a detector, its evidence and its labels in, the weights of the best or the last epoch kept.

All chance comes from (seed, epoch, step), and a step is always ``batch`` pictures, however many processes and parts
share it.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.optim.lr_scheduler import LRScheduler

from unprompt.detectors.base import Model
from unprompt.detectors.closed_form import ClosedForm
from unprompt.detectors.labels import labelled
from unprompt.detectors.options import TrainedOptions
from unprompt.errors import OptionError
from unprompt.training.cluster import train_on_cluster
from unprompt.training.loop import Part, Task, train
from unprompt.training.rows import Labels, Rows
from unprompt.training.run import Run
from unprompt.training.schedule import Schedule
from unprompt.training.state import Callback, Report, TrainingState, noop

__all__ = ["Labels", "Report", "Run", "Trained", "Validation", "fit", "refuse_run"]

FORMAT: Final = 2
"""Of the file of an interrupted training: what another edition left in another form is refused as another's."""


@dataclass(frozen=True)
class Validation:
    """Evidence that is never learned from and says which epoch is kept."""

    evidence: Sequence[Any]
    labels: Labels


@dataclass(frozen=True)
class Trained:
    """The result of a training."""

    epochs: int
    """Epochs that were gone through; 0 for what is solved."""
    kept: int
    """The epoch whose weights were kept, from 1."""
    run: Run = field(default_factory=Run)
    """How it was run, in as many parts a step as fitted into memory."""


def fit(
    detector: Model[Any, Any],
    evidence: Sequence[Any],
    labels: Labels,
    seed: int = 0,
    on_epoch: Callback = noop,
    validation: Validation | None = None,
    partial: Path | None = None,
    *,
    run: Run | None = None,
    on_step: Callback = noop,
) -> Trained:
    """Fit the detector or attributor in place, by its own options; labels are 0 and 1.

    With ``validation`` the weights of the epoch with the lowest validation loss are kept, else the last ones, as under
    the option ``keep="last"``.
    With ``partial`` the state is saved there at each epoch's end and every two minutes, and an interrupted run
    goes on from it; the caller removes the file once the detector is saved. ``run`` says on what it is trained.
    """
    run = run or Run(device=str(detector.device))
    for column in np.atleast_2d(np.asarray(labels).T):
        labelled(len(evidence), column)
    if isinstance(detector, ClosedForm):
        refuse_run(run, detector.method)
        detector.solve(evidence, labels)
        return Trained(0, 0, run)
    if run.patience is not None and validation is None:
        raise OptionError(f"--patience is {run.patience}, and there is no validation evidence to go by: give some")
    begin = functools.partial(prepare, detector, evidence, labels, seed, validation, partial, run)
    state, task = begin()
    state.on_epoch, state.on_step = on_epoch, on_step
    with detector.threads():
        run = train_on_cluster(state, begin, run) if run.engine == "ray" else train(state, task, run)
    return Trained(state.progress.epoch, state.kept, run)


def _checkpoint(detector: Model[Any, Any]) -> None:
    """Let the transformers in a head keep no activations; OptionError where it has none."""
    able = [one for one in detector.network.modules() if getattr(one, "supports_gradient_checkpointing", False)]
    towers = [one for one in able if any(weight.requires_grad for weight in one.parameters())]
    if not towers:
        raise OptionError(f"--checkpointing is given, and {detector.method} learns no transformer: leave it out")
    for tower in towers:
        former = getattr(tower, "gradient_checkpointing_enable", None)  # transformers renames it in its version 5
        cast(Any, getattr(tower, "activation_checkpointing_enable", former))({"use_reentrant": False})


def prepare(
    detector: Model[Any, Any],
    evidence: Sequence[Any],
    labels: Labels,
    seed: int = 0,
    validation: Validation | None = None,
    partial: Path | None = None,
    run: Run | None = None,
) -> tuple[TrainingState, Task]:
    """A head's training before its first step."""
    options = detector.options
    if not isinstance(options, TrainedOptions):
        raise OptionError(f"{detector.method} has no training schedule: its options need to be TrainedOptions")
    batches = _HeadBatches(Rows(detector, evidence, labels), options.batch, seed)
    held = Rows(detector, validation.evidence, validation.labels) if validation and len(validation.evidence) else None
    detector.prepare_fit(evidence)
    steps, moving = -(-len(evidence) // options.batch), optimiser(detector, options)
    state = TrainingState(
        detector.network,
        moving,
        steps=steps,
        epochs=options.epochs,
        scheduler=scheduler(moving, options, steps * options.epochs),
        keep_last=options.keep == "last",
        patience=run.patience if run else None,
        path=partial,
        identity=_identity(detector, evidence, batches.rows.labels, seed) if partial else "",
    )
    if run and run.checkpointing:
        _checkpoint(detector)
    validate = (lambda first, stride: held.loss(first, stride) / held.labels.size) if held else None
    return state, Task(batches, lambda inputs: detector.loss(*inputs), validate)


def optimiser(detector: Model[Any, Any], options: TrainedOptions) -> torch.optim.Optimizer:
    """Adam or AdamW over what the method moves, at its rates."""
    kind = torch.optim.Adam if options.optimiser == "adam" else torch.optim.AdamW
    return kind(detector.parameter_groups(), lr=options.rate, weight_decay=options.weight_decay)


def scheduler(moved: torch.optim.Optimizer, options: TrainedOptions, steps: int) -> LRScheduler | None:
    """What sets the rates at each of all ``steps``; None = they stay as they are."""
    if options.schedule == "constant":
        return None
    return Schedule(steps, options.batch, options.rate, warmup=0, form=options.schedule).scheduler(moved)


def refuse_run(run: Run, method: str) -> None:
    """:class:`OptionError` for options of a training by steps where the method is solved in closed form."""
    if unused := [name for name in run.changed if name != "device"]:
        raise OptionError(f"--{unused[0]} is given, and {method} is solved in one go, without steps: leave it out")


@dataclass(frozen=True)
class _HeadBatches:
    """Epochs in shuffled order; the last batch of one may be smaller."""

    rows: Rows
    size: int
    seed: int

    def __call__(self, epoch: int, step: int, number: int, parts: int) -> Part:
        batch = self.rows.order(self.seed, epoch)[step * self.size : (step + 1) * self.size]
        own = np.array_split(batch, parts)[number]
        rng = np.random.default_rng((self.seed, epoch, step, *([number] if parts > 1 else [])))
        inputs = self.rows.batch(own if len(own) else batch[:1], rng)
        return Part(inputs, len(own), parts * len(own) / len(batch), int(rng.integers(2**63)))


def _identity(detector: Model[Any, Any], evidence: Sequence[Any], labels: npt.NDArray[np.float32], seed: int) -> str:
    """SHA-256 of options, labels, seed and starting weights; of the evidence its number, first and last inputs."""
    plain = [FORMAT, detector.method, detector.version, detector.options.to_dict(), seed, len(evidence)]
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    digest.update(labels.tobytes())
    start = [tensor.detach().cpu() for tensor in detector.network.state_dict().values()]
    for tensor in (*detector.collate([evidence[0], evidence[-1]]), *start):
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()

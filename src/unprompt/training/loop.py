"""The one training loop, on ``accelerate``: devices, mixed precision, accumulation, and workers that prepare ahead.

Heads and the embedded suites' recipes give it batches by (epoch, step) and a loss. All chance comes from there, so a
training in one process in float32 that was killed and goes on ends with the very weights of one that was not. In mixed
float16 the scale of the gradients starts anew when an interrupted training goes on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import broadcast, send_to_device
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from unprompt.errors import OptionError
from unprompt.instruments.loading import device_of
from unprompt.training.launch import launch
from unprompt.training.run import Run
from unprompt.training.state import TrainingState

log = logging.getLogger(__name__)

MOST_PARTS: Final = 512
"""Of a step: a part of one picture of the largest published batch."""
PRECISIONS: Final = {"32": "no", "bf16-mixed": "bf16", "16-mixed": "fp16"}
"""Our precisions -> accelerate's."""


@dataclass(frozen=True)
class Part:
    """What one process takes of a step at a time."""

    inputs: Any
    """Of the loss; its tensors are moved to the device."""
    count: int
    """Its pictures; 0 in a part that stands in where there are fewer pictures than parts."""
    weight: float
    """The step's gradient is the mean over the parts of the gradients of ``weight`` x mean loss."""
    seed: int
    """Of what the network draws: dropout."""


Batches: TypeAlias = Callable[[int, int, int, int], Part]
"""Epoch, step, part number, number of parts -> that part of the step's batch."""


@dataclass(frozen=True)
class Task:
    """What is learned."""

    batches: Batches
    loss: Callable[[Any], Tensor]
    """Inputs of a part -> their mean loss, a scalar."""
    validate: Callable[[int, int], float] | None = None
    """Process, number of processes -> that process's summand of the mean validation loss."""


@lru_cache(maxsize=2)
def shuffled(count: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """An epoch's order of ``count`` pictures."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def train(state: TrainingState, task: Task, run: Run | None = None) -> Run:
    """Take all steps that are left, from where an interrupted training ended; the network gets the weights to keep.

    The run is returned as it went: a step that does not fit into a GPU's memory is taken in twice as many parts.
    """
    wanted = used = run or Run()
    state.load()
    if not state.finished:
        if wanted.devices > 1:
            launch(state, lambda: share(state, task, wanted), wanted)
        else:
            used = share(state, task, wanted)
    state.finish()
    return used


def share(state: TrainingState, task: Task, run: Run) -> Run:
    """A process's share: of one alone in parts of half the size, where the memory ends; what was learned stays."""
    while True:
        try:
            _train(state, task, run)
        except torch.cuda.OutOfMemoryError as error:
            if run.devices > 1:
                raise
            if run.accumulate >= MOST_PARTS:
                raise OptionError(
                    f"a step does not fit into the memory of {run.device} in {run.accumulate} parts: give a smaller "
                    "--batch, --precision bf16-mixed or --checkpointing"
                ) from error
            state.optimiser.zero_grad(set_to_none=True)
            run = replace(run, accumulate=2 * run.accumulate)
            log.warning(f"a step does not fit into the memory of {run.device}: taken in {run.accumulate} parts")
        else:
            return run


def _train(state: TrainingState, task: Task, run: Run) -> None:
    device = None if run.devices > 1 else device_of(run.device)
    with _own_accelerator(run, device) as accelerator:
        _Process(state, task, run, accelerator, device or accelerator.device).train()


@contextmanager
def _own_accelerator(run: Run, device: torch.device | None) -> Iterator[Accelerator]:
    """An Accelerator of this training alone: what the process had set up for another one comes back afterwards."""
    singletons = (PartialState, AcceleratorState, GradientState)
    before = [dict(one._shared_state) for one in singletons]
    for one in singletons:
        one._shared_state.clear()
    try:
        on_cpu = device.type == "cpu" if device else run.device == "cpu"
        yield Accelerator(device_placement=False, mixed_precision=PRECISIONS[run.precision], cpu=on_cpu)
    finally:
        for one, state in zip(singletons, before, strict=True):
            one._shared_state.clear()
            one._shared_state.update(state)


class _Objective(nn.Module):
    """The loss as a module's forward pass, which is where accelerate adds its precision and its gradients' mean."""

    def __init__(self, network: nn.Module, loss: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, inputs: Any) -> Tensor:
        return self.loss(inputs)


class _Process:
    """One process's share of a training."""

    def __init__(
        self, state: TrainingState, task: Task, run: Run, accelerator: Accelerator, device: torch.device
    ) -> None:
        self.state, self.task, self.run, self.accelerator, self.device = state, task, run, accelerator, device
        state.to(device)
        objective = _Objective(state.network, task.loss)
        if run.devices > 1 and device.type == "cuda":
            objective = nn.SyncBatchNorm.convert_sync_batchnorm(objective)
        self.model, wrapped = accelerator.prepare(objective, state.optimiser)
        # Without a scale of gradients the wrapper's step adds nothing but a search of the disk for a package.
        self.optimiser = wrapped if accelerator.scaler else state.optimiser
        # torch.manual_seed keeps a traceback a call for a CUDA that is never started.
        self.seed = torch.default_generator.manual_seed if device.type == "cpu" else torch.manual_seed

    def train(self) -> None:
        state = self.state
        while not state.finished:
            state.network.train()
            parts = self._parts()
            for _ in range(state.progress.step, state.steps):
                state.advance(*self._step(parts))
            state.close_epoch(self._validate())

    def _parts(self) -> Iterator[Part]:
        feed, workers = _Feed(self.state, self.task.batches, self.accelerator, self.run.accumulate), self.run.workers
        if not workers:
            return map(feed.__getitem__, range(len(feed)))
        forking = "fork" if sys.platform == "linux" else None  # evidence is not copied
        return iter(DataLoader(feed, batch_size=None, num_workers=workers, multiprocessing_context=forking))

    def _step(self, parts: Iterator[Part]) -> tuple[float, int]:
        """Sum of the losses of the step's pictures, and their number."""
        self.state.optimiser.zero_grad(set_to_none=True)
        total, count = 0.0, 0
        for left in reversed(range(self.run.accumulate)):
            part = next(parts)
            with torch.random.fork_rng(devices=[]), self.accelerator.no_sync(self.model) if left else nullcontext():
                self.seed(part.seed)
                loss = self.model(send_to_device(part.inputs, self.device))
                self.accelerator.backward(loss * (part.weight / self.run.accumulate))
            total, count = total + float(loss.detach()) * part.count, count + part.count
        if self.state.clip is not None:
            self.accelerator.clip_grad_norm_(self.state.weights.values(), self.state.clip)
        self.optimiser.step()
        return total, count

    def _validate(self) -> float | None:
        """Each process measures its share, with the running means of the first, whose weights are kept."""
        world = self.accelerator.num_processes
        if self.task.validate is None or world == 1:
            return self.task.validate(0, 1) if self.task.validate else None
        broadcast(list(self.state.network.buffers()))
        own = self.task.validate(self.accelerator.process_index, world)
        return float(self.accelerator.reduce(torch.tensor(own, dtype=torch.float64, device=self.device), "sum"))


class _Feed(Dataset[Part]):
    """An epoch's parts for one process: of each step that is left, ``accumulate`` of them."""

    def __init__(self, state: TrainingState, batches: Batches, accelerator: Accelerator, accumulate: int) -> None:
        self.batches, self.accumulate = batches, accumulate
        self.epoch, self.first, self.last = state.progress.epoch, state.progress.step, state.steps
        self.process, self.processes = accelerator.process_index, accelerator.num_processes

    def __len__(self) -> int:
        return (self.last - self.first) * self.accumulate

    def __getitem__(self, index: int) -> Part:
        step, turn = divmod(index, self.accumulate)
        number, parts = self.process * self.accumulate + turn, self.processes * self.accumulate
        return self.batches(self.epoch, self.first + step, number, parts)

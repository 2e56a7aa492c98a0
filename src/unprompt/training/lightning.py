"""Lightning as the engine: several devices, mixed precision, accumulation, workers (extra ``train``).

It takes the steps and nothing else: order, parts, best epoch, partial file and reports are the course's, so that its
checkpoints, which are pickles, are never written. In mixed float16 the scale of the gradients starts anew when an
interrupted training goes on.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unprompt.errors import MissingExtra
from unprompt.instruments.loading import device_of
from unprompt.training.course import Course, Part
from unprompt.training.run import Run

try:
    import pytorch_lightning as pl
except ImportError as error:
    raise MissingExtra(
        f"several devices, mixed precision, accumulation and workers need the package pytorch_lightning, which cannot "
        f"be imported here ({error}): pip install 'unprompt[train]', or leave those flags out"
    ) from error


def run(course: Course, chosen: Run) -> tuple[int, int]:
    """All steps that are left; epochs gone through, and the one that is kept."""
    course.prepare_fit()
    # A process that has touched a GPU cannot be forked.
    device = torch.device(chosen.device) if chosen.strategy == "ddp_notebook" else device_of(chosen.device)
    several = chosen.devices > 1
    with _quietly():
        trainer = pl.Trainer(
            accelerator="gpu" if device.type == "cuda" else device.type,
            devices=[device.index] if device.type == "cuda" and ":" in chosen.device else chosen.devices,
            strategy="ddp" if several and chosen.strategy == "auto" else chosen.strategy,
            precision=chosen.precision,
            accumulate_grad_batches=chosen.accumulate,
            max_epochs=course.options.epochs - course.progress.epoch,
            reload_dataloaders_every_n_epochs=1,  # each epoch has an order of its own
            use_distributed_sampler=False,  # a step is shared out by the course
            sync_batchnorm=several and device.type == "cuda",
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = Module(course, chosen)
        if not course.finished:
            trainer.fit(module)
    course.end()
    epochs, kept = module.reached.tolist()
    return epochs, kept


class Module(pl.LightningModule):  # type: ignore[misc]  # Any to the type checker, as everything of it
    """The course, as Lightning wants to be told of it."""

    reached: Tensor

    def __init__(self, course: Course, chosen: Run) -> None:
        super().__init__()
        self.course, self.chosen, self.network = course, chosen, course.detector.network
        self.told = [0.0, 0]
        """Sum of losses and number of pictures of the step under way."""
        # A buffer, since a forked process brings back nothing else.
        self.register_buffer("reached", torch.tensor([course.progress.epoch, course.kept]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.course.optimiser

    def train_dataloader(self) -> DataLoader[Part]:
        """What this process takes of the steps that are left of the epoch."""
        feed = Feed(self.course, self.trainer.world_size, self.trainer.global_rank, self.chosen.accumulate)
        forking = "fork" if self.chosen.workers and sys.platform == "linux" else None  # evidence is not copied
        return DataLoader(
            feed, batch_size=None, shuffle=False, num_workers=self.chosen.workers, multiprocessing_context=forking
        )

    def transfer_batch_to_device(self, batch: Part, device: torch.device, dataloader_idx: int) -> Part:
        inputs = tuple(one.to(device, non_blocking=True) for one in batch.inputs)
        return Part(inputs, batch.target.to(device), batch.count, batch.weight, batch.seed)

    def training_step(self, part: Part, index: int) -> Tensor:
        self.network.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(part.seed)
            loss = self.course.detector.loss(part.inputs, part.target)
        self.told[0] += float(loss.detach()) * part.count
        self.told[1] += part.count
        return loss * part.weight

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if (batch_idx + 1) % self.chosen.accumulate == 0:
            loss, count = self.told
            self.told = [0.0, 0]
            self._leading().stepped(loss, int(count))

    def on_train_epoch_end(self) -> None:
        course = self._leading()
        course.close(self._validate())
        self.reached.copy_(torch.tensor([course.progress.epoch, course.kept]))
        self.trainer.should_stop = course.finished

    def on_train_end(self) -> None:
        self.course.end()

    def _leading(self) -> Course:
        """The course, which only the first process lets save and tell."""
        if not self.trainer.is_global_zero:
            self.course.partial = None
            self.course.on_epoch = self.course.on_step = _unheard
        return self.course

    def _validate(self) -> float | None:
        """Each process measures its share, with the running means of the first, whose weights are kept."""
        held, strategy = self.course.held, self.trainer.strategy
        if held is None:
            return None
        for buffer in self.network.buffers():
            buffer.copy_(strategy.broadcast(buffer))
        own = held.loss(self.trainer.global_rank, self.trainer.world_size)
        total = strategy.reduce(torch.tensor(own, dtype=torch.float64, device=self.device), reduce_op="sum")
        return float(cast(Tensor, total)) / held.labels.size


class Feed(Dataset[Part]):
    """An epoch's parts for one process of ``world``: of each step that is left, ``accumulate`` of them."""

    def __init__(self, course: Course, world: int, rank: int, accumulate: int) -> None:
        self.course, self.world, self.rank, self.accumulate = course, world, rank, accumulate
        self.epoch, self.first = course.progress.epoch, course.progress.step

    def __len__(self) -> int:
        return (self.course.steps - self.first) * self.accumulate

    def __getitem__(self, index: int) -> Part:
        step, turn = divmod(index, self.accumulate)
        number, parts = self.rank * self.accumulate + turn, self.world * self.accumulate
        return self.course.part(self.epoch, self.first + step, number, parts)


def _unheard(report: Any) -> None:
    """The other processes tell nothing."""


@contextmanager
def _quietly() -> Iterator[None]:
    """Lightning's hints and its word on the machine do not reach stderr; its warnings of real trouble do."""
    rooms = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    before = [room.level for room in rooms]
    for room in rooms:
        room.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=pl.utilities.warnings.PossibleUserWarning)
            # Convolutions of 1 x 1 in DDP: a matter of speed, not of the gradients.
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides", UserWarning)
            # Its own use of torch's trees, which newer editions of torch frown upon.
            warnings.filterwarnings("ignore", r".*isinstance\(treespec, LeafSpec\)", FutureWarning)
            yield
    finally:
        for room, level in zip(rooms, before, strict=True):
            room.setLevel(level)

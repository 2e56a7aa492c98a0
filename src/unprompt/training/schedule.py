"""Schedules by steps, of heads and of the embedded suites' networks: one cycle, or a warm-up and a cosine."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from unprompt.training.loop import Task, train
from unprompt.training.state import Report, TrainingState

log = logging.getLogger(__name__)

LOG_EVERY_STEPS: Final = 100


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained by AdamW."""

    steps: int
    batch: int
    rate: float = 1e-3
    """Highest learning rate."""
    warmup: int = 200
    """Steps up to the highest rate of a cosine."""
    decay: float = 0.01
    """Weight decay."""
    average: float = 0.0
    """Decay of the exponential moving average of the weights; 0 = none is kept."""
    seed: int = 0
    form: Literal["cosine", "one-cycle"] = "cosine"
    """cosine = a linear warm-up, then down to a fiftieth; one-cycle = Smith and Topin, 2017, with the highest rate
    after 30 % of the steps: https://arxiv.org/abs/1708.07120."""

    def scheduler(self, optimiser: Optimizer) -> LRScheduler:
        """What sets the optimiser's rate at each step; a group that has a rate of its own keeps its share of it."""
        if self.form == "one-cycle":
            return OneCycleLR(optimiser, [group["lr"] for group in optimiser.param_groups], self.steps)
        return LambdaLR(optimiser, self.factor_at)

    def factor_at(self, step: int) -> float:
        """A cosine schedule's rate at a step, as a share of the highest one."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))


def train_on_schedule(
    network: nn.Module,
    optimiser: Optimizer,
    schedule: Schedule,
    task: Task,
    path: Path,
    *,
    name: str = "",
    clip: float | None = None,
) -> None:
    """Train on the CPU to the schedule's end, or on from ``path``, where the state of the training then lies."""
    state = TrainingState(
        network,
        optimiser,
        schedule.steps,
        scheduler=schedule.scheduler(optimiser),
        clip=clip,
        average=schedule.average,
        path=path,
        identity=f"{name} {schedule}",
        on_step=_StepLog(schedule),
    )
    train(state, task)


class _StepLog:
    """Mean loss and speed of the last steps."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule, self.total, self.logged = schedule, 0.0, (0, 0.0, time.monotonic())

    def __call__(self, report: Report) -> None:
        step = round(report.epoch * self.schedule.steps)
        if step % LOG_EVERY_STEPS:
            return
        before, total, began = self.logged
        self.logged = step, report.loss * step, time.monotonic()
        loss = (report.loss * step - total) / (step - before)
        speed = (step - before) * self.schedule.batch / (time.monotonic() - began)
        log.info(f"step {step}/{self.schedule.steps}  loss {loss:.4f}  {speed:.0f} pictures/s")

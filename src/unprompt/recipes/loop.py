"""How a suite's own models are trained: AdamW, a cosine rate, averaged weights, resumable.

Every step draws its batch and its noise from the step's number alone, so a run that was killed and goes on
ends with the weights of one that was not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from unprompt.scenes.corpus import Indices
from unprompt.training.loop import Part, Task, shuffled
from unprompt.training.schedule import Schedule, train_on_schedule

Loss = Callable[[Indices, torch.Generator], Tensor]
"""Batch indices, the step's own random generator -> scalar loss."""


def train(
    model: nn.Module,
    schedule: Schedule,
    checkpoint: Path,
    loss: Loss,
    count: int,
    betas: tuple[float, float] = (0.9, 0.98),
) -> None:
    """Train to the end of the schedule on a corpus of ``count`` pictures, then take the averaged weights.

    An interrupted run goes on from ``checkpoint``.
    """

    def batches(epoch: int, step: int, number: int, parts: int) -> Part:
        seed = schedule.seed * 1_000_003 + step
        inputs = batch_at(step, schedule.batch, count, schedule.seed), torch.Generator().manual_seed(seed)
        return Part(inputs, schedule.batch, 1.0, seed)

    task = Task(batches, lambda inputs: loss(*inputs))
    train_on_schedule(
        model, optimiser(model, schedule, betas), schedule, task, checkpoint, name=checkpoint.stem, clip=1.0
    )


def optimiser(model: nn.Module, schedule: Schedule, betas: tuple[float, float] = (0.9, 0.98)) -> torch.optim.Optimizer:
    """AdamW, in which matrices alone decay."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    matrices, vectors = [one for one in trained if one.ndim > 1], [one for one in trained if one.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": schedule.decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=schedule.rate, betas=betas, fused=True)


def batch_at(step: int, size: int, count: int, seed: int = 0) -> Indices:
    """The pictures of a step: epochs of seeded permutations, the same wherever a run resumes."""
    epoch, place = divmod(step, count // size)
    return shuffled(count, seed, epoch)[place * size : (place + 1) * size]

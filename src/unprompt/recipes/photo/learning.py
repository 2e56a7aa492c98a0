"""One net's training: each class weighs one half, each source the root of its number; one cycle of rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unprompt.detectors.base import Model
from unprompt.recipes.photo.sources import Photograph
from unprompt.training.loop import Part, Task
from unprompt.training.schedule import Schedule, train_on_schedule

Draw: TypeAlias = Callable[[npt.NDArray[np.int64], np.random.Generator], tuple[Tensor, ...]]
"""Places of a batch's pictures, the step's generator -> the network's inputs."""


def shares(rows: Sequence[Photograph]) -> npt.NDArray[np.float64]:
    """N probabilities of being drawn: half for each class, within a class the root of each source's number."""
    _, places, counts = np.unique([one.source for one in rows], return_inverse=True, return_counts=True)
    weights = counts[places] ** -0.5
    generated = np.array([one.label == 1 for one in rows])
    for kind in (generated, ~generated):
        weights[kind] *= 0.5 / weights[kind].sum()
    return np.asarray(weights, np.float64)


def learn(detector: Model[Any, Any], rows: Sequence[Photograph], draw: Draw, schedule: Schedule, partial: Path) -> None:
    """Train the detector's network in place; goes on from ``partial`` where that exists, and removes it at the end."""
    labels, chances = np.array([one.label for one in rows]), shares(rows)

    def batches(epoch: int, step: int, number: int, parts: int) -> Part:
        rng = np.random.default_rng([schedule.seed, step])
        seed = int(rng.integers(2**62))
        places = rng.choice(len(rows), schedule.batch, p=chances)
        return Part((draw(places, rng), torch.from_numpy(labels[places]).float()), schedule.batch, 1.0, seed)

    optimiser = torch.optim.AdamW(detector.network.parameters(), schedule.rate, weight_decay=schedule.decay)
    task, name = Task(batches, lambda inputs: detector.loss(*inputs)), f"{detector.method} {len(rows)}"
    train_on_schedule(detector.network, optimiser, schedule, task, partial, name=name)
    partial.unlink(missing_ok=True)

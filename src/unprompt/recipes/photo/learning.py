"""One net's training: each class weighs one half, each source the root of its number; one cycle of rates."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unprompt.detectors.base import Model
from unprompt.recipes.photo.sources import Photograph
from unprompt.training.partial import Partial, Progress

log = logging.getLogger(__name__)

SAVE_EVERY_SECONDS: Final = 120.0
SAY_EVERY_STEPS: Final = 250

Draw: TypeAlias = Callable[[npt.NDArray[np.int64], np.random.Generator], tuple[Tensor, ...]]
"""Places of a batch's pictures, the step's generator -> the network's inputs."""


@dataclass(frozen=True)
class Course:
    """How long and how fast."""

    steps: int
    batch: int
    rate: float
    """Highest rate, reached after 30 % of the steps: Smith and Topin, 2017, https://arxiv.org/abs/1708.07120."""
    decay: float
    seed: int = 0


def shares(rows: Sequence[Photograph]) -> npt.NDArray[np.float64]:
    """N chances of a picture to be drawn: half for each class, within a class the root of each source's number."""
    _, places, counts = np.unique([one.source for one in rows], return_inverse=True, return_counts=True)
    weights = counts[places] ** -0.5
    generated = np.array([one.label == 1 for one in rows])
    for kind in (generated, ~generated):
        weights[kind] *= 0.5 / weights[kind].sum()
    return np.asarray(weights, np.float64)


def learn(
    detector: Model[Any, Any],
    rows: Sequence[Photograph],
    draw: Draw,
    course: Course,
    partial: Path,
) -> None:
    """Train the detector's network in place; goes on from ``partial`` where that lies, and removes it at the end."""
    network = detector.network
    optimiser = torch.optim.AdamW(network.parameters(), course.rate, weight_decay=course.decay)
    kept = Partial(partial, f"{detector.method} {course} {len(rows)}", network, optimiser)
    progress = kept.load() or Progress()
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, course.rate, course.steps)
    if progress.step:
        rates.load_state_dict({**rates.state_dict(), "last_epoch": progress.step - 1, "_step_count": progress.step + 1})
        rates.step()
    labels, chances = np.array([one.label for one in rows]), shares(rows)
    saved, running = time.monotonic(), 0.0
    network.train()
    for step in range(progress.step, course.steps):
        rng = np.random.default_rng([course.seed, step])
        torch.manual_seed(int(rng.integers(2**62)))
        places = rng.choice(len(rows), course.batch, p=chances)
        loss = detector.loss(draw(places, rng), torch.from_numpy(labels[places]).float())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        rates.step()
        progress.step = step + 1
        running = float(loss.detach()) if step == 0 else 0.98 * running + 0.02 * float(loss.detach())
        if progress.step % SAY_EVERY_STEPS == 0:
            log.info(f"{detector.method}: step {progress.step}/{course.steps}  loss {running:.3f}")
        if time.monotonic() - saved > SAVE_EVERY_SECONDS:
            kept.save(progress)
            saved = time.monotonic()
    network.eval()
    partial.unlink(missing_ok=True)

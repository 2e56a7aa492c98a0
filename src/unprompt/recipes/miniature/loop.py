"""The training loop of the little world's models: AdamW, cosine rate, averaged weights, resumable.

Every step draws its batch and its noise from the step's number alone, so a run that was killed and goes on
ends with the weights of one that was not.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from unprompt.scenes.corpus import Indices, batches

log = logging.getLogger(__name__)

SAVE_EVERY_SECONDS = 120.0
SAY_EVERY_STEPS = 100

Loss = Callable[[Indices, torch.Generator], Tensor]
"""Batch indices, the step's own random generator -> scalar loss."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a model is trained."""

    steps: int
    batch: int
    rate: float = 1e-3
    """Highest learning rate: reached after the warm-up, then a cosine down to a fiftieth."""
    warmup: int = 200
    decay: float = 0.01
    """Weight decay of AdamW, on matrices only."""
    average: float = 0.0
    """Decay of the exponential moving average of the weights; 0 = none is kept."""
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


class Trainer:
    """One model on its way through a schedule; ``checkpoint`` is where an interrupted run goes on."""

    def __init__(self, model: nn.Module, schedule: Schedule, checkpoint: Path) -> None:
        self.model, self.schedule, self.checkpoint = model, schedule, checkpoint
        named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        self.weights = dict(named)
        matrices = [weight for _, weight in named if weight.ndim > 1]
        vectors = [weight for _, weight in named if weight.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": schedule.decay}, {"params": vectors, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=schedule.rate, betas=(0.9, 0.98), fused=True)
        self.averages = {name: weight.detach().clone() for name, weight in named} if schedule.average else {}
        self.step = 0

    def fit(self, loss: Loss, count: int) -> None:
        """Train to the end of the schedule on a corpus of ``count`` scenes, then take the averaged weights."""
        self._resume()
        self.model.train()
        saved, began, first, running = time.monotonic(), time.monotonic(), self.step, math.nan
        for indices in batches(count, self.schedule.batch, range(self.step, self.schedule.steps), self.schedule.seed):
            value = self._take(loss, indices)
            running = value if math.isnan(running) else 0.98 * running + 0.02 * value
            if self.step % SAY_EVERY_STEPS == 0:
                speed = (self.step - first) * self.schedule.batch / (time.monotonic() - began)
                log.info(f"step {self.step}/{self.schedule.steps}  loss {running:.4f}  {speed:.0f} pictures/s")
            if time.monotonic() - saved > SAVE_EVERY_SECONDS:
                self._save()
                saved = time.monotonic()
        self._save()
        self._adopt_averages()
        self.model.eval()

    def _take(self, loss: Loss, indices: Indices) -> float:
        schedule = self.schedule
        for group in self.optimiser.param_groups:
            group["lr"] = schedule.rate_at(self.step)
        noise = torch.Generator().manual_seed(schedule.seed * 1_000_003 + self.step)
        value = loss(indices, noise)
        self.optimiser.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return float(value.detach())

    @torch.no_grad()
    def _average(self) -> None:
        if not self.averages:
            return
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.averages.values()), [w.detach() for w in self.weights.values()], 1 - decay)

    @torch.no_grad()
    def _adopt_averages(self) -> None:
        for name, average in self.averages.items():
            self.weights[name].copy_(average)

    def _save(self) -> None:
        tensors = {f"weight.{name}": weight.detach() for name, weight in self.weights.items()}
        tensors |= {f"average.{name}": average for name, average in self.averages.items()}
        for name, weight in self.weights.items():
            tensors |= {f"{key}.{name}": value for key, value in self.optimiser.state.get(weight, {}).items()}
        aside = self.checkpoint.with_suffix(".tmp")
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: value.contiguous() for key, value in tensors.items()}, aside, {"step": str(self.step)})
        aside.replace(self.checkpoint)

    @torch.no_grad()
    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        with safe_open(self.checkpoint, "pt") as stored:
            self.step = int(stored.metadata()["step"])
            for name, weight in self.weights.items():
                weight.copy_(stored.get_tensor(f"weight.{name}"))
                if self.averages:
                    self.averages[name].copy_(stored.get_tensor(f"average.{name}"))
                keys = ("step", "exp_avg", "exp_avg_sq")
                self.optimiser.state[weight] = {key: stored.get_tensor(f"{key}.{name}") for key in keys}

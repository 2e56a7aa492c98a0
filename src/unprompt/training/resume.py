"""Where an interrupted training goes on: one safetensors file, without pickles, replaced as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unprompt.detectors import checkpoint
from unprompt.errors import CheckpointError
from unprompt.structured_text import parse_object


@dataclass(frozen=True)
class Best:
    """The epoch to keep."""

    loss: float
    """Its validation loss."""
    epoch: int
    """Its number, from 1."""
    weights: dict[str, Tensor]


@dataclass
class Progress:
    """How far a training is: ``step`` steps into ``epoch``."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    """Sum of the epoch's losses so far, a picture counting once."""
    seen: int = 0
    """Pictures of the epoch so far."""
    best: Best | None = None


@dataclass(frozen=True)
class ResumeState:
    """The file of one training, known by its ``identity``, and what is stored in it beside the progress."""

    path: Path
    identity: str
    network: nn.Module
    optimiser: torch.optim.Optimizer
    averages: Mapping[str, Tensor]
    """Exponential moving averages of the weights, by name; may be empty."""

    def save(self, progress: Progress) -> None:
        """Write all of it aside, then rename."""
        tensors = {f"network.{name}": tensor for name, tensor in checkpoint.own(self.network).items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.averages.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
        place: dict[str, Any] = {name: getattr(progress, name) for name in ("epoch", "step", "loss", "seen")}
        if progress.best:
            place["best"] = [progress.best.loss, progress.best.epoch]
            tensors |= {f"best.{name}": tensor for name, tensor in progress.best.weights.items()}
        facts = {"partial": json.dumps({"identity": self.identity, **place})}
        checkpoint.save_aside(self.path, _apart(tensors), facts)

    def load(self) -> Progress | None:
        """Fill network, optimiser and averages; None when there is no file.

        Raises CheckpointError for the file of another training.
        """
        try:
            metadata, tensors = checkpoint.load(self.path)
        except CheckpointError:
            if self.path.exists():
                raise
            return None  # or no longer: a training at the same time came to its end
        try:
            place = parse_object(metadata.get("partial", "{}"))
        except ValueError as error:
            raise CheckpointError(
                f"{self.path} is no state of a training ({error}): delete it to begin anew"
            ) from error
        if place.pop("identity", None) != self.identity:
            raise CheckpointError(
                f"{self.path} was left by a training with other options, seed or evidence: delete it to begin anew, "
                "or repeat the former command"
            )
        checkpoint.restore(self.network, _under(tensors, "network"), self.path)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under(tensors, "optimiser").items():
            index, key = name.split(".", 1)
            moments.setdefault(int(index), {})[key] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        for name, tensor in _under(tensors, "average").items():
            self.averages[name].copy_(tensor)
        best = place.pop("best", None)
        return Progress(**place, best=None if best is None else Best(best[0], best[1], _under(tensors, "best")))


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same on the CPU, no two in the same memory, as safetensors asks; only those that were are copied."""
    kept: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        if own.untyped_storage().data_ptr() in taken:
            own = own.clone()
        taken.add(own.untyped_storage().data_ptr())
        kept[name] = own
    return kept


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix`` and a dot, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}

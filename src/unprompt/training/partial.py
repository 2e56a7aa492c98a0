"""Where an interrupted training goes on: one safetensors file, without pickles, replaced as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from unprompt.detectors import checkpoint
from unprompt.detectors.base import Model
from unprompt.errors import CheckpointError

FORMAT = 2
"""Of the file: what another edition left in another form is refused as another training's."""


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

    def next_epoch(self) -> None:
        """To the first step of the epoch that follows."""
        self.epoch, self.step, self.loss, self.seen = self.epoch + 1, 0, 0.0, 0


@dataclass(frozen=True)
class Partial:
    """The file of one training, known by its ``identity``."""

    path: Path
    identity: str
    network: nn.Module
    optimiser: torch.optim.Optimizer

    def save(self, progress: Progress) -> None:
        """Weights, the optimiser's state, the best weights and the place in the schedule."""
        tensors = {f"network.{name}": tensor for name, tensor in checkpoint.own(self.network).items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
        place: dict[str, Any] = {name: getattr(progress, name) for name in ("epoch", "step", "loss", "seen")}
        if progress.best:
            place["best"] = [progress.best.loss, progress.best.epoch]
            tensors |= {f"best.{name}": tensor for name, tensor in progress.best.weights.items()}
        kept = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        checkpoint.save_aside(self.path, kept, {"partial": json.dumps({"identity": self.identity, **place})})

    def load(self) -> Progress | None:
        """Fill network and optimiser and tell the place; None when there is no file."""
        try:
            metadata, tensors = checkpoint.load(self.path)
        except CheckpointError:
            if self.path.exists():
                raise
            return None  # or no longer: a training at the same time came to its end
        place = json.loads(metadata.get("partial", "{}"))
        if place.pop("identity", None) != self.identity:
            raise CheckpointError(
                f"{self.path} was left by a training with other options, seed or evidence: delete it to begin anew, "
                "or repeat the former command"
            )
        checkpoint.restore(self.network, _under(tensors, "network"), self.path)
        self._restore_optimiser(_under(tensors, "optimiser"))
        best = place.pop("best", None)
        return Progress(**place, best=None if best is None else Best(best[0], best[1], _under(tensors, "best")))

    def _restore_optimiser(self, tensors: dict[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})


def identity(detector: Model[Any, Any], evidence: Sequence[Any], labels: npt.NDArray[np.float32], seed: int) -> str:
    """SHA-256 of options, labels, seed and starting weights; of the evidence its number, first and last inputs."""
    plain = [FORMAT, detector.method, detector.version, detector.options.to_dict(), seed, len(evidence)]
    total = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    total.update(labels.tobytes())
    start = [tensor.detach().cpu() for tensor in detector.network.state_dict().values()]
    for tensor in (*detector.collate([evidence[0], evidence[-1]]), *start):
        total.update(tensor.contiguous().numpy().tobytes())
    return total.hexdigest()


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix`` and a dot, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}

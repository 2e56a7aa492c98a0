"""What a stage of ``make miniature`` is, and what every stage is given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from unprompt.miniature.corpus import HELD_OUT_SEEDS, INSTRUMENT_SEEDS, Corpus, corpus


@dataclass(frozen=True)
class Workshop:
    """Where the stages work: ``cache`` holds scenes, checkpoints and finished models; ``quick`` proves the chain."""

    cache: Path
    quick: bool = False

    def model(self, name: str) -> Path:
        """Folder of a finished model."""
        return self.cache / "models" / name

    def checkpoint(self, name: str) -> Path:
        """File from which an interrupted training goes on."""
        return self.cache / "checkpoints" / f"{name}.safetensors"

    def scenes(self) -> Corpus:
        """The scenes that train the instruments."""
        return corpus(self.cache / "corpus", INSTRUMENT_SEEDS, 2048 if self.quick else 65536)

    def held_out(self) -> Corpus:
        """The scenes that measure the instruments."""
        return corpus(self.cache / "corpus", HELD_OUT_SEEDS, 256 if self.quick else 2048)

    def steps(self, full: int) -> int:
        """Steps of a training: all of them, or the few that prove the chain."""
        return max(20, full // 100) if self.quick else full

    def say(self, line: str) -> None:
        """Progress, to stderr."""
        print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Stage:
    """A step of the recipe that makes ``product`` and returns the figures measured on held-out scenes."""

    name: str
    make: Callable[[Workshop], dict[str, float]]


def as_tensor(pictures: object) -> Tensor:
    """N x 64 x 64 x 3 uint8 -> N x 3 x 64 x 64 float32 in [-1, 1]."""
    return torch.as_tensor(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1

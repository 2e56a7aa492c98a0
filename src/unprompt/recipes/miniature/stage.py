"""What a stage of ``make miniature`` is, and what every stage is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from unprompt.scenes.corpus import HELD_OUT_SEEDS, INSTRUMENT_SEEDS, Corpus, Pictures, corpus
from unprompt.store.files import write_aside
from unprompt.structured_text import read_object

if TYPE_CHECKING:
    from torch import Tensor

SUITE: Final = Path(__file__).parents[2] / "suites" / "miniature"
EXAMPLES: Final = Path("examples", "pictures")


@dataclass(frozen=True)
class BuildContext:
    """Where the stages work: ``cache`` holds scenes, checkpoints and finished models; ``quick`` proves the chain."""

    cache: Path
    quick: bool = False
    elsewhere: Path | None = None
    """Where the suite is to lie instead of in the package; a quick one never lies there."""

    @property
    def suite(self) -> Path:
        """Folder of the finished suite."""
        return self.elsewhere or (self.cache / "suite" if self.quick else SUITE)

    @property
    def examples(self) -> Path:
        """Folder of the pictures that are shipped beside the suite: the repository's, or beside a suite elsewhere."""
        return EXAMPLES if self.suite == SUITE else self.cache / "examples"

    @property
    def pictures(self) -> Path:
        """Folder of the pictures that the heads learn from and are measured on."""
        return self.cache / "pictures"

    def model(self, name: str) -> Path:
        """Folder of a finished model."""
        return self.cache / "models" / name

    @property
    def captioner(self) -> Path:
        """Folder of the captioner that was trained here, or else of the shipped one."""
        own = self.model("captioner")
        return own if own.exists() else SUITE / "captioner"

    def checkpoint(self, name: str) -> Path:
        """File from which an interrupted training goes on."""
        return self.cache / "checkpoints" / f"{name}.safetensors"

    def stamp(self, name: str) -> Path:
        """File that says that a stage is finished, and what it measured."""
        return self.cache / "stamps" / f"{name}.json"

    def figures(self, name: str) -> dict[str, float]:
        """What a finished stage measured."""
        figures: dict[str, float] = read_object(self.stamp(name))["figures"]
        return figures

    def scenes(self) -> Corpus:
        """The scenes that train the instruments."""
        return corpus(self.cache / "corpus", INSTRUMENT_SEEDS, 2048 if self.quick else 65536)

    def held_out(self) -> Corpus:
        """The scenes that measure the instruments."""
        return corpus(self.cache / "corpus", HELD_OUT_SEEDS, 256 if self.quick else 2048)

    def steps(self, full: int) -> int:
        """Steps of a training: all of them, or the few that prove the chain."""
        return max(20, full // 100) if self.quick else full


@dataclass(frozen=True)
class Stage:
    """A step of the recipe that makes ``product`` and returns the figures measured on held-out scenes."""

    name: str
    make: Callable[[BuildContext], dict[str, float]]


def put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; StoreError when it cannot be."""
    write_aside(path, lambda file: file.write(data))


def as_tensor(pictures: Pictures) -> Tensor:
    """N x 64 x 64 x 3 uint8 -> N x 3 x 64 x 64 float32 in [-1, 1]."""
    import torch  # Here, so that pictures which are there already are listed without it.

    return torch.as_tensor(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1

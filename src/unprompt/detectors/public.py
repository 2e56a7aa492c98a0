"""Heads that others published, taken in without running anything that their files may hold.

The field publishes pickles. They are opened by ``torch.load(weights_only=True)``, which builds tensors and plain
containers and refuses all else, whole models for example.
"""

from __future__ import annotations

import pickle
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from unprompt.detectors import checkpoint
from unprompt.detectors.options import Options
from unprompt.errors import CheckpointError

_WRAPPED: Final = ("model", "state_dict")
"""Keys under which a training's state keeps the weights."""
_COUNTER: Final = "num_batches_tracked"
"""A buffer of batch normalisation that moves no score; files of before 2018 have none."""


class PublicHead:
    """A detector whose published weights have names and shapes that its network knows."""

    @classmethod
    @abstractmethod
    def public_options(cls) -> Options:
        """The options under which the published head was trained."""

    @classmethod
    @abstractmethod
    def public_weights(cls, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published weights by the names of this method's network; unknown ones keep their names."""


def read_public(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of a .safetensors file or a pickle of tensors; :class:`CheckpointError` for anything else."""
    if path.suffix == ".safetensors":
        return checkpoint.load(path)[1]
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist, expected the weights that the authors of the method published")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than weights, so nothing of it was read: ask its authors for a state dict, or save "
            f"one where you trust the file ({_first_line(error)})"
        ) from error
    except Exception as error:  # The unpickler raises whatever damaged bytes make it trip over.
        raise CheckpointError(
            f"{path} is damaged or no file of torch.save, expected a state dict: fetch it again ({_first_line(error)})"
        ) from error
    for key in _WRAPPED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content or not all(isinstance(one, Tensor) for one in content.values()):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}, expected a state dict: names and tensors alone"
        )
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Give a network weights by its own names; :class:`CheckpointError` for a missing, further or misshapen one."""
    own = network.state_dict()
    wrong = [row for row in checkpoint.mismatched(own, tensors) if not (row[0].endswith(_COUNTER) and row[0] in own)]
    if wrong:
        name, got, expected = wrong[0]
        raise CheckpointError(
            f"{path}: {len(wrong)} weights do not fit, {name} first: it has shape {got}, expected {expected}: "
            "give the head that was published for this method and a suite with its encoder"
        )
    network.load_state_dict({**own, **{name: tensors[name].to(own[name].dtype) for name in tensors}})


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]

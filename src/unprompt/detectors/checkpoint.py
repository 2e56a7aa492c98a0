"""A detector in one file: safetensors, with everything but the weights as JSON in the header. No pickles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, fields
from itertools import count
from pathlib import Path
from threading import get_ident
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from unprompt.errors import CheckpointError, StoreError
from unprompt.instruments.digests import file_digest
from unprompt.store.files import write_aside
from unprompt.structured_text import parse_object
from unprompt.validation import Whole, checked

KEY = "unprompt"
"""The one entry of the safetensors header; several would be written in an order that varies."""
FOREIGN: Final = 2**26
"""Numbers of the largest parameter that a network may have beside those of its checkpoint."""
PARAMETERS: Final = 100_000
"""Parameters of a network at most."""


@checked("")
class Header:
    """Everything in a checkpoint but the weights."""

    method: str
    version: Whole
    options: Mapping[str, Any]
    instruments: Mapping[str, str]
    """Role -> digest of the instrument that the detector was fitted with."""
    calibration: Mapping[str, Any] | None = None
    thresholds: Mapping[str, Any] | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, for the card: counts, AUC, data."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained, for the card; empty in an older head."""
    members: tuple[Mapping[str, str], ...] = ()
    """Of a panel: method, file beside this one, and digest of each member."""

    def to_json(self) -> str:
        """Sorted keys, so that equal headers are equal bytes."""
        stored = {name: value for name, value in vars(self).items() if name != "training" or value}
        return json.dumps(stored, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, path: Path) -> Header:
        """The inverse; :class:`CheckpointError` for anything else."""
        try:
            header = cls(**parse_object(text))
            header.to_json()  # ValueError for a number that is not finite
            return header
        except (ValueError, TypeError) as error:
            expected = [one.name for one in fields(cls)]
            raise CheckpointError(
                f"{path}: the header is not {expected} ({error}): train it again", path=path
            ) from error


def write(path: Path, header: Header, tensors: Mapping[str, Tensor], *, half: bool = False) -> str:
    """Write aside, then rename; ``half`` stores float32 as float16. Returns the file's SHA-256."""
    kept = {name: _stored(tensor, half) for name, tensor in tensors.items()}
    save_aside(path, kept, {KEY: header.to_json()})
    return file_digest(path)


def save_aside(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Safetensors, whole or not there; what a killed run left beside ``path`` is removed. Copies nothing in memory."""
    try:
        write_aside(path, lambda file: save_file(tensors, file.name, metadata))
    except StoreError as error:
        raise CheckpointError(str(error), path=path) from error


def read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors, float16 widened to float32."""
    metadata, tensors = load(path)
    widened = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    return _header(metadata, path), widened


def read_header(path: Path) -> Header:
    """The header alone; no weights are read."""
    with _opened(path) as stored:
        metadata = dict(stored.metadata() or {})
    return _header(metadata, path)


def load(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a safetensors file; :class:`CheckpointError` when it is missing or damaged."""
    with _opened(path) as stored:
        names = stored.keys()
        # Cloned, since Windows replaces no file that tensors in memory are mapped to.
        return dict(stored.metadata() or {}), {name: stored.get_tensor(name).clone() for name in names}


@contextmanager
def fitting(tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, MemoryError for a network of which a parameter could not lie among ``tensors``, before it is filled.

    What a suite's models are built of is let through, up to ``FOREIGN`` numbers each.
    """
    largest = max([FOREIGN, *(tensor.numel() for tensor in tensors.values())])
    thread, names = get_ident(), count(1)

    def check(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is None or get_ident() != thread:
            return
        if parameter.numel() > largest or next(names) > PARAMETERS:
            raise MemoryError(f"{type(module).__name__}.{name} of shape {tuple(parameter.shape)} is too large")

    hook = register_module_parameter_registration_hook(check)
    try:
        yield
    finally:
        hook.remove()


def own(network: nn.Module) -> dict[str, Tensor]:
    """A network's state without the parameters that are not learned."""
    frozen = {name for name, weight in network.named_parameters() if not weight.requires_grad}
    return {name: tensor for name, tensor in network.state_dict().items() if name not in frozen}


def restore(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill a network with stored tensors: all of its own names and shapes, and no others."""
    if wrong := mismatched(own(network), tensors):
        name, got, expected = wrong[0]
        raise CheckpointError(
            f"{path}: tensor {name} has shape {got}, expected {expected}: "
            "the file is damaged or its options were changed; train it again",
            path=path,
        )
    network.load_state_dict(dict(tensors), strict=False)


def mismatched(expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> list[tuple[str, Any, Any]]:
    """Name, shape that is there and shape that is expected of each tensor where they differ, by name; None = none."""
    wanted, there = ({name: tuple(one.shape) for name, one in side.items()} for side in (expected, got))
    names = sorted(wanted.keys() | there.keys())
    return [(name, there.get(name), wanted.get(name)) for name in names if there.get(name) != wanted.get(name)]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise CheckpointError(
            f"{path} does not exist, expected a checkpoint: make it with unprompt train METHOD", path=path
        )
    try:
        with safe_open(path, "pt") as stored:
            yield stored
    except (OSError, SafetensorError, RuntimeError, TypeError, ValueError, AttributeError) as error:  # of a dtype too
        raise CheckpointError(
            f"{path} is damaged or no safetensors file ({error}): train it again", path=path
        ) from error


def _header(metadata: Mapping[str, str], path: Path) -> Header:
    if KEY not in metadata:
        raise CheckpointError(
            f"{path} is a safetensors file, but no detector of unprompt: give one that train wrote", path=path
        )
    return Header.from_json(metadata[KEY], path)


def _stored(tensor: Tensor, half: bool) -> Tensor:
    kept = tensor.detach().cpu()
    return kept.to(torch.float16 if half and kept.dtype == torch.float32 else kept.dtype, copy=True).contiguous()

"""Models from safetensors on this machine: frozen from birth, quietly, without network and without random weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from unprompt.choices import AUTO
from unprompt.errors import MissingExtra, OptionError, SuiteError, UnpromptError
from unprompt.instruments.cards import Origin

_LOGGERS = ("transformers.utils.logging", "diffusers.utils.logging")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@contextmanager
def quietly() -> Iterator[None]:
    """Only errors of transformers and diffusers reach stderr inside; no progress bars. Exceptions pass."""
    # As far as they are loaded: a suite without transformers or diffusion loads neither for this.
    loggers = [sys.modules[name] for name in _LOGGERS if name in sys.modules]
    before = [(logger, logger.get_verbosity(), logger.is_progress_bar_enabled()) for logger in loggers]
    for logger in loggers:
        logger.set_verbosity_error()
        logger.disable_progress_bar()
    try:
        yield
    finally:
        for logger, verbosity, bars in before:
            logger.set_verbosity(verbosity)
            if bars:
                logger.enable_progress_bar()


def device_of(name: str) -> torch.device:
    """``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto`` = cuda where there is one."""
    if name == AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise OptionError(f"device {name!r} cannot be used here: use cpu, or auto for the best there is") from error
    return device


def dtype_of(name: str) -> torch.dtype:
    """``float32``, ``bfloat16`` or ``float16``."""
    if name not in DTYPES:
        raise OptionError(f"unknown dtype {name!r}: expected one of {', '.join(DTYPES)}, or of a suite auto")
    return DTYPES[name]


def check_dtype(name: str) -> None:
    """OptionError for what is neither a dtype nor ``auto``, which a suite measures."""
    if name != AUTO:
        dtype_of(name)


def load_model(build: Any, origin: Origin, device: torch.device, dtype: torch.dtype, part: str = "") -> Any:
    """``build.from_pretrained`` on ``part`` of the folder, in ``dtype``, evaluating and frozen.

    Damaged weights, or ones that leave a parameter unset, are a SuiteError.
    """
    folder = origin.folder / part
    key = "torch_dtype" if build.__module__.startswith("diffusers") else "dtype"
    model, found = load_part(
        lambda: build.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True, **{key: dtype}
        ),
        origin,
    )
    _all_set(build.__name__, _unset(found), replace(origin, folder=folder, model=origin.name))
    return model.eval().requires_grad_(False).to(device)


def fill_model(
    build: Any, weights: Mapping[str, torch.Tensor], origin: Origin, device: torch.device, dtype: torch.dtype
) -> Any:
    """A model of the folder's configuration with weights that come from several folders; else as ``load_model``.

    A weight for which the model has no place is a SuiteError too: it belongs to another trunk.
    """

    def load() -> Any:
        config = build.config_class.from_pretrained(origin.folder, local_files_only=True)
        return build.from_pretrained(
            None, config=config, state_dict=dict(weights), output_loading_info=True, dtype=dtype
        )

    model, found = load_part(load, origin)
    _all_set(build.__name__, _unset(found), origin)
    if foreign := sorted(found["unexpected_keys"]):
        raise SuiteError(
            f"model {origin.name!r} in {origin.folder} has no place for {len(foreign)} weights, {foreign[0]!r} first: "
            "its configuration was made for another trunk; train or fetch both together"
        )
    return model.eval().requires_grad_(False).to(device)


def read_weights(folder: Path, origin: Origin) -> dict[str, torch.Tensor]:
    """All tensors of a folder's safetensors files."""
    files = sorted(folder.glob("*.safetensors"))
    parts: list[dict[str, torch.Tensor]] = load_part(lambda: [load_file(file) for file in files], origin)
    return {name: tensor for part in parts for name, tensor in part.items()}


def _unset(found: Mapping[str, Any]) -> list[str]:
    return sorted([*found["missing_keys"], *map(str, found["mismatched_keys"])])


def _all_set(model: str, unset: Sequence[str], origin: Origin) -> None:
    if unset:
        raise SuiteError(
            f"the weights of model {origin.name!r} in {origin.folder} leave {len(unset)} parameters of {model} unset, "
            f"{unset[0]!r} first: nothing is filled with random numbers; fetch it again"
        )


def filled(model: Any, weights: Mapping[str, torch.Tensor], origin: Origin) -> Any:
    """``model`` with its parameters and buffers from ``weights``, evaluating and frozen.

    SuiteError for one that is unset or has another shape. A model without numbers, on torch's device ``meta``, takes
    the tensors themselves.
    """
    held = {name for name, _ in model.named_parameters()}
    held |= {name for name, _ in model.named_buffers()} & set(model.state_dict())
    unset = sorted(name for name in held - set(weights) if not name.endswith("num_batches_tracked"))
    _all_set(type(model).__name__, unset, origin)
    assign = any(one.is_meta for one in model.parameters())
    load_part(lambda: model.load_state_dict(weights, strict=False, assign=assign), origin)
    return model.eval().requires_grad_(False)


def import_extra(module: str, extra: str, purpose: str) -> Any:
    """An optional package; MissingExtra, with the line that installs it, when it cannot be imported."""
    try:
        return import_module(module)
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that does not fit torch.
        raise MissingExtra(
            f"{purpose} need the package {module}, which cannot be imported here ({error}): "
            f"pip install 'unprompt[{extra}]', with a torchvision that fits torch {torch.__version__}"
        ) from error


def load_part(load: Callable[[], Any], origin: Origin) -> Any:
    """What ``load`` returns, quietly; what it raises becomes a SuiteError that names the model."""
    with quietly():
        try:
            return load()
        except UnpromptError:
            raise
        except Exception as error:  # The libraries' configurations raise whatever an odd value makes them trip over.
            raise SuiteError(
                f"model {origin.name!r} cannot be loaded from {origin.folder}: {type(error).__name__}: {error}"
            ) from error


def from_folder(build: Any, origin: Origin, part: str = "", **options: Any) -> Any:
    """``build.from_pretrained`` on ``part`` of the folder, for what holds no weights; SuiteError when it is damaged."""
    return load_part(lambda: build.from_pretrained(origin.folder / part, local_files_only=True, **options), origin)

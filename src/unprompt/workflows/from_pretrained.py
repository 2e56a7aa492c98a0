"""``from_pretrained``: a head that ``card`` or ``push_to_hub`` wrote, from a folder, the hub's cache or the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unprompt.detectors import EVERY
from unprompt.detectors.base import Model
from unprompt.errors import CheckpointError, first_cause
from unprompt.instruments import Suite
from unprompt.structured_text import read_object
from unprompt.workflows.card import CONFIG, WEIGHTS


def from_pretrained(
    repo_or_folder: str | Path,
    *,
    suite: str | Path | None = None,
    revision: str | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> Model[Any, Any]:
    """The detector or attributor in a folder, or in the repository ``owner/name`` at ``revision``.

    The repository is fetched into the hub's cache, from which it comes without network (``HF_HUB_OFFLINE=1``): JSON
    and safetensors alone. ``suite`` defaults to the one that the head names; one of your own is given by its path.
    :class:`CheckpointError` where the suite's instruments are not those that the head was fitted with.

    >>> unprompt.from_pretrained("owner/sare").predict(pictures)  # doctest: +SKIP
    array([0.93])
    """
    folder = Path(repo_or_folder)
    if not folder.is_dir():
        folder = _fetched(str(repo_or_folder), revision)
    config = _config(folder)
    method = str(config.get("method"))
    if method not in EVERY:
        raise CheckpointError(f"{folder / CONFIG} names the method {method!r}, this edition knows {', '.join(EVERY)}")
    named = suite if suite is not None else config.get("suite", "")
    return EVERY[method].load(folder / WEIGHTS, Suite.load(named, device, dtype)).to(device)


def _fetched(repository: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=[CONFIG, "*.safetensors"]))
    except Exception as error:  # It raises what its HTTP library does, which differs between editions.
        raise CheckpointError(
            f"{repository!r} is no folder here, and as a repository it cannot be fetched: {first_cause(error)}; "
            "give the folder that `unprompt card` wrote, or fetch it where there is network"
        ) from error


def _config(folder: Path) -> dict[str, Any]:
    try:
        return read_object(folder / CONFIG)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder / CONFIG} is no configuration of a head ({error}): write the folder with `unprompt card`"
        ) from error

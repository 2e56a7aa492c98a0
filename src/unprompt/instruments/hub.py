"""The hub's cache on this machine; nothing is fetched here. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from unprompt.instruments.specs import Spec


def snapshot(spec: Spec, revision: str) -> Path | None:
    """The folder of a revision in the hub's cache on this machine."""
    from huggingface_hub import snapshot_download  # Here, since most suites lie in folders.
    from huggingface_hub.errors import LocalEntryNotFoundError

    files = list(spec.build().files)  # Others of the model were left out when it was fetched.
    try:
        return Path(snapshot_download(spec.model, revision=revision, local_files_only=True, allow_patterns=files))
    except (LocalEntryNotFoundError, ValueError):
        return None

"""``push_to_hub``: a trained head, with its generated card, to a repository of Hugging Face's hub."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from unprompt.errors import CheckpointError, SuiteError, first_cause
from unprompt.instruments import Manifest
from unprompt.structured_text import read_object
from unprompt.workflows.card import CONFIG, card

log = logging.getLogger(__name__)


def push_to_hub(
    checkpoint: str | Path,
    repo_id: str,
    *,
    suite: str | Path | None = None,
    licence: str | None = None,
    data: str = "",
    results: str | Path | None = None,
    private: bool = False,
    token: str | None = None,
) -> str:
    """Upload what :func:`unprompt.card` writes to ``repo_id`` (owner/name), created if need be; returns its address.

    ``token`` defaults to that of ``hf auth login``. :class:`SuiteError` for a head on random weights.

    >>> unprompt.push_to_hub("sare.safetensors", "owner/sare", licence="apache-2.0")  # doctest: +SKIP
    'https://huggingface.co/owner/sare'
    """
    from huggingface_hub import HfApi

    with tempfile.TemporaryDirectory() as temporary:
        folder = card(checkpoint, to=temporary, suite=suite, licence=licence, data=data, results=results)
        named = read_object(folder / CONFIG)["suite"]
        if Manifest.read(suite if suite is not None else named).fake:
            raise SuiteError(f"{checkpoint} is built on suite {named!r}, whose weights are random: it is not published")
        api = HfApi(token=token, library_name="unprompt")
        try:
            address = api.create_repo(repo_id, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=f"Upload {Path(checkpoint).stem}")
        except Exception as error:  # It raises what its HTTP library does, which differs between editions.
            raise CheckpointError(
                f"{checkpoint} cannot be pushed to {repo_id}: {first_cause(error)}; "
                "log in with `hf auth login`, or write the folder with `unprompt card` and upload it where there is "
                "network"
            ) from error
    log.info(f"pushed to {address}")
    return str(address)

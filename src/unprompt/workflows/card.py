"""``unprompt card``: a trained head as the folder that a model hub takes: weights, config.json, README.md."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from unprompt import __version__
from unprompt.detectors import EVERY
from unprompt.detectors import checkpoint as files
from unprompt.detectors.attributor import Attributor
from unprompt.detectors.base import Model
from unprompt.detectors.checkpoint import Header
from unprompt.errors import CheckpointError, DataError, OptionError, StoreError
from unprompt.evaluation import Result
from unprompt.instruments import Manifest, Suite
from unprompt.report.card import ANSWERS, CardRow, HeadCard
from unprompt.report.results import read_rows
from unprompt.store import write_aside
from unprompt.structured_text import parse_object
from unprompt.types import NONE_OF_THESE
from unprompt.urls import local_path

log = logging.getLogger(__name__)

WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
README: Final = "README.md"


def card(
    checkpoint: Path | str,
    *,
    to: Path | str,
    suite: str | Path | None = None,
    licence: str | None = None,
    data: str = "",
    results: Path | str | None = None,
) -> Path:
    """Write a head as a model hub takes it, with a generated model card; returns the folder.

    ``hf upload OWNER/NAME DIR`` puts the folder on the hub, and unprompt.from_pretrained reads it. The head is loaded
    once with its suite, so that what is published is known to fit it.

    Args:
        checkpoint: File that ``train`` wrote.
        to: Folder that is written: weights, config.json, README.md.
        suite: The suite that the head was trained on, if not the one it names.
        licence: Licence of the head's weights as the hub spells it, as apache-2.0; default: not stated.
        data: What the pictures were, in words.
        results: What ``evaluate`` wrote (.json or .parquet): figures with intervals instead of those of validation.
    """
    path, folder = Path(checkpoint), local_path(to, "--to")
    header = files.read_header(path)
    named = suite if suite is not None else header.training.get("suite")
    if named is None:
        raise OptionError(f"{path} does not name the suite it was trained on: give it with --suite")
    head = EVERY[header.method].load(path, Suite.load(named))
    rows = _rows(Path(results), head) if results is not None else ()
    manifest = head.suite.manifest
    page = HeadCard(
        header,
        " ".join((type(head).__doc__ or "").split()),
        manifest.called,
        manifest.title,
        manifest.fake,
        tuple(_card_row(role, digest, header.method, manifest) for role, digest in sorted(header.instruments.items())),
        _answers(head),
        licence,
        data.strip(),
        rows,
    )
    # A panel's members lie beside it under their own names.
    weights = [(path, WEIGHTS), *((path.parent / one["file"], one["file"]) for one in header.members)]
    try:
        for source, name in weights:
            with source.open("rb") as opened:
                write_aside(folder / name, partial(shutil.copyfileobj, opened))
        config = json.dumps(_config(head, header), indent=1, sort_keys=True) + "\n"
        for name, text in ((CONFIG, config), (README, page.to_markdown())):
            write_aside(folder / name, lambda file, text=text: file.write(text.encode("utf-8")))  # type: ignore[misc]
    except StoreError as error:
        raise CheckpointError(str(error)) from error
    log.info(f"{head.method}: {', '.join(sorted(one.name for one in folder.iterdir()))} in {folder}")
    return folder


def _rows(path: Path, head: Model[Any, Any]) -> tuple[Result, ...]:
    """The results; :class:`DataError` where they are of another checkpoint."""
    rows = tuple(read_rows(path))
    for row in rows:
        if (digest := _digest(path, row)) != head.digest:
            raise DataError(
                f"{path} has results of the checkpoint {str(digest)[:12]}, this one is {str(head.digest)[:12]}: "
                "evaluate this one, and give its results"
            )
    return rows


def _digest(path: Path, row: Result) -> object:
    try:
        return parse_object(row.settings).get("digest")
    except ValueError as error:
        raise DataError(f"{path} has results whose settings cannot be read ({error}): evaluate again") from error


def _answers(head: Model[Any, Any]) -> tuple[str, ...]:
    return (*head.candidates, NONE_OF_THESE) if isinstance(head, Attributor) else ANSWERS


def _card_row(role: str, digest: str, method: str, manifest: Manifest) -> CardRow:
    """Of ``encoder``, of a panel's ``semgir.encoder``, or of ``generators.NAME``."""
    first, _, second = role.partition(".")
    named = manifest.generators if first == "generators" else manifest.instruments_of(first if second else method)
    spec = named[second or first]
    return CardRow(role, spec.source, spec.revision, spec.licence, digest)


def _config(head: Model[Any, Any], header: Header) -> dict[str, Any]:
    """The header as JSON, for readers without safetensors; the weights' own header decides."""
    fields = asdict(header)
    if header.thresholds:
        fields["thresholds"] = {name: one for name, one in header.thresholds.items() if name != "real_quantiles"}
    return {
        **fields,
        "library_name": "unprompt",
        "unprompt_version": __version__,
        "suite": head.suite.name,
        "digest": head.digest,
        "id2label": dict(enumerate(_answers(head))),
    }

"""``unprompt card``: a trained head as the folder that a model hub takes: weights, config.json, README.md."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
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
from unprompt.instruments.manifest import Spec
from unprompt.report.card import ANSWERS, CardRow, HeadCard
from unprompt.report.results import read_rows
from unprompt.store import write_aside
from unprompt.types import NONE_OF_THESE

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
    """Write a head as a model hub takes it, with a generated model card; the folder.

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
    path, folder = Path(checkpoint), Path(to)
    head = _loaded(path, suite)
    rows = _rows(Path(results), head) if results is not None else ()
    header = files.read_header(path)
    page = _page(head, header, licence, data, rows)
    for source, name in _weights(path, header):
        _copy(source, folder / name)
    _write(folder / CONFIG, json.dumps(_config(head, header), indent=1, sort_keys=True) + "\n")
    _write(folder / README, page.to_markdown())
    log.info(f"{head.method}: {', '.join(sorted(one.name for one in folder.iterdir()))} in {folder}")
    return folder


def _loaded(path: Path, suite: str | Path | None) -> Model[Any, Any]:
    header = files.read_header(path)
    named = suite if suite is not None else header.training.get("suite")
    if named is None:
        raise OptionError(f"{path} does not say which suite it was trained on: name it with --suite")
    return EVERY[header.method].load(path, Suite.load(named))


def _rows(path: Path, head: Model[Any, Any]) -> tuple[Result, ...]:
    """The results; :class:`DataError` where they are of another checkpoint."""
    rows = tuple(read_rows(path))
    for row in rows:
        if (digest := json.loads(row.settings).get("digest")) != head.digest:
            raise DataError(
                f"{path} has results of the checkpoint {str(digest)[:12]}, this one is {str(head.digest)[:12]}: "
                "evaluate this one, and give its results"
            )
    return rows


def _page(head: Model[Any, Any], header: Header, licence: str | None, data: str, rows: Sequence[Result]) -> HeadCard:
    manifest = head.suite.manifest
    parts = tuple(_part(role, digest, header.method, manifest) for role, digest in sorted(header.instruments.items()))
    about = " ".join((type(head).__doc__ or "").split())
    return HeadCard(
        header,
        about,
        manifest.name,
        manifest.title,
        manifest.fake,
        parts,
        _answers(head),
        licence,
        data.strip(),
        tuple(rows),
    )


def _answers(head: Model[Any, Any]) -> tuple[str, ...]:
    return (*head.candidates, NONE_OF_THESE) if isinstance(head, Attributor) else ANSWERS


def _part(role: str, digest: str, method: str, manifest: Manifest) -> CardRow:
    spec = _spec(role, method, manifest)
    return CardRow(role, spec.source, spec.revision, spec.licence, digest)


def _spec(role: str, method: str, manifest: Manifest) -> Spec:
    """What the suite's file says of ``encoder``, of a panel's ``semgir.encoder``, or of ``generators.NAME``."""
    first, _, rest = role.partition(".")
    if first == "generators":
        return manifest.generators[rest]
    return manifest.instruments_of(first if rest else method)[rest or first]


def _weights(path: Path, header: Header) -> list[tuple[Path, str]]:
    """The head's file, and those of a panel's members, which lie beside it under their own names."""
    return [(path, WEIGHTS), *((path.parent / one["file"], one["file"]) for one in header.members)]


def _config(head: Model[Any, Any], header: Header) -> dict[str, Any]:
    """The header as JSON, for those who read without loading; the file of the weights bears the truth."""
    told = asdict(header)
    if header.thresholds:
        told["thresholds"] = {name: one for name, one in header.thresholds.items() if name != "real_quantiles"}
    return {
        **told,
        "library_name": "unprompt",
        "unprompt_version": __version__,
        "suite": head.suite.manifest.name,
        "digest": head.digest,
        "id2label": dict(enumerate(_answers(head))),
    }


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as opened:
        _fill(target, lambda file: shutil.copyfileobj(opened, file))


def _write(path: Path, text: str) -> None:
    _fill(path, lambda file: file.write(text.encode("utf-8")))


def _fill(path: Path, write: Callable[[Any], object]) -> None:
    try:
        write_aside(path, write)
    except StoreError as error:
        raise CheckpointError(str(error)) from error

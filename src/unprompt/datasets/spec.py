"""Data specifications: one word that names a dataset, ``NAME:ARGUMENT`` or a bare path."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Final

from unprompt.datasets.rows import READERS
from unprompt.errors import DataError
from unprompt.lazy import LazyMapping
from unprompt.types import Sample

log = logging.getLogger(__name__)

Loader = Callable[[str], list[Sample]]
"""What stands after the colon -> samples; the first line of its docstring describes the dataset."""

NAMES: Final = LazyMapping[Loader](
    "dataset",
    "unprompt.datasets",
    {
        "folder": "folder:load_folder",
        "manifest": "manifest:load_manifest",
        "huggingface": "huggingface:load_huggingface",
        "genimage": "genimage:load_genimage",
        "forensynths": "forensynths:load_forensynths",
        "forensynths4": "forensynths:load_forensynths4",
        "universal": "universal:load_universal",
        "diffusionforensics": "diffusionforensics:load_diffusionforensics",
        "drct": "drct:load_drct",
        "wildrf": "wildrf:load_wildrf",
        "miniature": "miniature:load_miniature",
    },
)
"""Name -> loader of every dataset that ``--data`` knows."""


def load(spec: str) -> list[Sample]:
    """The samples that ``spec`` names: one of :data:`NAMES` with its argument, or a bare path.

    A bare folder means ``folder:``; a bare .csv, .json, .jsonl, .ndjson or .parquet file means ``manifest:``.
    A name that is no UTF-8 cannot be stored in a table: it is spelled with escapes, so that its picture becomes a row
    with an error. Raises DataError for any other specification, and what the dataset's own loader raises.
    """
    name, colon, argument = spec.partition(":")
    if not colon or name not in NAMES:
        name, argument = _bare(spec), spec
    return _encodable(NAMES[name](argument))


def _bare(path: str) -> str:
    """Name of the loader that a bare path means."""
    if os.path.isdir(path):
        return "folder"
    if os.path.splitext(path)[1].lower() in READERS:
        return "manifest"
    known = ", ".join(f"{name}:" for name in NAMES)
    raise DataError(
        f"got data specification {path!r}; expected one that starts with {known}, the path of a folder that exists, "
        f"or of a manifest ({', '.join(READERS)})"
    )


def _encodable(samples: Sequence[Sample]) -> list[Sample]:
    """``samples`` in texts that a table can hold."""
    spelled = [_spelled(sample) for sample in samples]
    changed = [new.uri for old, new in zip(samples, spelled, strict=True) if old.uri != new.uri]
    if changed:
        log.warning(
            f"{len(changed)} of {len(samples)} files have a name that is no UTF-8, such as {changed[0]}, and become "
            "rows with an error; expected UTF-8: rename them"
        )
    return spelled


def _spelled(sample: Sample) -> Sample:
    texts = (sample.uri, sample.generator, sample.content, sample.prompt)
    if all(map(_is_encodable, texts)):
        return sample
    uri, generator, content, prompt = (text.encode("utf-8", "backslashreplace").decode() for text in texts)
    return Sample(uri, sample.label, generator, sample.split, content, prompt)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

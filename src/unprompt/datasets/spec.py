"""Data specifications: one word that names a dataset, ``NAME:ARGUMENT`` or a bare path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType

from unprompt.datasets.diffusionforensics import load_diffusionforensics
from unprompt.datasets.drct import load_drct
from unprompt.datasets.folder import load_folder
from unprompt.datasets.forensynths import load_forensynths, load_forensynths4
from unprompt.datasets.genimage import load_genimage
from unprompt.datasets.huggingface import load_huggingface
from unprompt.datasets.manifest import load_manifest
from unprompt.datasets.miniature import load_miniature
from unprompt.datasets.rows import READERS
from unprompt.datasets.universal import load_universal
from unprompt.datasets.wildrf import load_wildrf
from unprompt.errors import DataError
from unprompt.types import Sample

Loader = Callable[[str], list[Sample]]
"""What stands after the colon -> samples; the first line of its docstring describes the dataset."""

NAMES: Mapping[str, Loader] = MappingProxyType(
    {
        "folder": load_folder,
        "manifest": load_manifest,
        "huggingface": load_huggingface,
        "genimage": load_genimage,
        "forensynths": load_forensynths,
        "forensynths4": load_forensynths4,
        "universal": load_universal,
        "diffusionforensics": load_diffusionforensics,
        "drct": load_drct,
        "wildrf": load_wildrf,
        "miniature": load_miniature,
    }
)
"""Name -> loader of every dataset that ``--data`` knows."""


def load(spec: str) -> list[Sample]:
    """The samples that ``spec`` names: one of :data:`NAMES` with its argument, or a bare path.

    A bare folder means ``folder:``; a bare .csv, .json, .jsonl, .ndjson or .parquet file means ``manifest:``.
    Raises DataError for anything else, and what the dataset's own loader raises.
    """
    name, colon, argument = spec.partition(":")
    if not colon or name not in NAMES:
        name, argument = _bare(spec), spec
    return [_encodable(sample) for sample in NAMES[name](argument)]


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


def _encodable(sample: Sample) -> Sample:
    """``sample`` itself. Raises DataError when its path cannot be written into a table."""
    try:
        sample.uri.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"got a file name that is no UTF-8: {sample.uri!a}; expected UTF-8: rename the file") from error
    return sample

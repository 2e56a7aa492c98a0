"""A list of pictures in a CSV, JSON, JSONL or Parquet file as samples."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from functools import lru_cache
from numbers import Number
from pathlib import Path

from unprompt.datasets.aliases import LABELS, SPLITS, label_of, split_of
from unprompt.datasets.rows import CELL, READERS, Row, columns, read_rows
from unprompt.errors import DataError
from unprompt.types import Label, Sample, Split

COLUMNS = "path,label[,generator|source][,split][,prompt][,content]"
_DIGITS: dict[str, Label] = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


def load_manifest(path: str) -> list[Sample]:
    """A list with columns path, label and, if known, generator (or source), split, prompt, content; others are ignored.

    Relative paths start at the manifest's folder; a row whose file is missing stays. Labels: 1, 0 or words such as
    fake and real; empty = unknown. At most 20,000,000 rows, cells of 131,072 characters, lines of 2^20
    characters in CSV and JSONL, and 256 MiB of JSON. Raises DataError that names the row, counted from 1 below the
    header.
    """
    manifest = Path(path)
    if not os.path.isfile(path):
        raise DataError(f"got {path!r} as manifest; expected a file that exists, with columns {COLUMNS}")
    if manifest.suffix.lower() not in READERS:
        raise DataError(f"got manifest {path!r}; expected a name ending in {', '.join(READERS)}")
    try:
        samples = _distinct(path, (_sample(path, number, row) for number, row in enumerate(read_rows(manifest), 1)))
    except (OSError, ValueError) as error:  # ValueError: JSON, Arrow and Unicode errors are such
        raise DataError(f"{path}: cannot be read as {manifest.suffix} ({error}); expected columns {COLUMNS}") from error
    if not samples:
        raise DataError(f"{path}: holds no row; expected one a picture, with columns {COLUMNS}")
    return samples


def _sample(manifest: str, number: int, row: Row) -> Sample:
    where = f"{manifest}: row {number}"
    names = columns(tuple(row))
    for name in ("path", "label"):
        if name not in names:
            raise DataError(f"{where}: no column {name!r} among {', '.join(names)}; expected {COLUMNS}")

    def cell(name: str) -> str:
        return _text(where, name, row[names[name]]) if name in names else ""

    path = cell("path")
    if not path.strip():
        raise DataError(f"{where}: got an empty path; expected that of a picture")
    if not isinstance(row[names["path"]], str):
        raise DataError(f"{where}: got the number {path} as path; expected that of a picture, as text")
    return Sample(
        os.path.join(os.path.dirname(manifest), path),
        label_cell(where, cell("label")),
        (cell("generator") or cell("source")).strip(),
        split_cell(where, cell("split")),
        cell("content").strip(),
        cell("prompt").strip(),
    )


def _text(where: str, name: str, value: object) -> str:
    """A cell as text; null and not-a-number, which stand for empty cells in Parquet, as empty."""
    if isinstance(value, str):
        if len(value) > CELL:
            raise DataError(f"{where}: {name} has {len(value):,} characters; expected {CELL:,} at most")
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, Number):
        raise DataError(f"{where}: got a {type(value).__name__} as {name}; expected a text or a number")
    return str(value)


@lru_cache(maxsize=256)
def _label(word: str) -> Label | None:
    return _DIGITS.get(word.strip(), label_of(word))


_split = lru_cache(maxsize=256)(split_of)


def label_cell(where: str, word: str) -> Label | None:
    """What a cell of labels means; empty is unknown. Raises DataError that begins with ``where``."""
    label = _label(word)
    if word.strip() and label is None:
        raise DataError(
            f"{where}: got label {word!r}; expected 1 (generated), 0 (real), {', '.join(LABELS)} or nothing"
        )
    return label


def split_cell(where: str, word: str) -> Split | None:
    """What a cell of splits means; empty is unknown. Raises DataError that begins with ``where``."""
    split = _split(word)
    if word.strip() and split is None:
        raise DataError(f"{where}: got split {word!r}; expected one of {', '.join(SPLITS)} or nothing")
    return split


def _distinct(manifest: str, samples: Iterable[Sample]) -> list[Sample]:
    """``samples`` without repetitions. Raises DataError when one path has two descriptions."""
    first: dict[str, tuple[int, Sample]] = {}
    for number, sample in enumerate(samples, 1):
        row, known = first.setdefault(sample.uri, (number, sample))
        if known != sample:
            raise DataError(f"{manifest}: row {number}: got {sample}; expected what row {row} tells of it: {known}")
    return [sample for _, sample in first.values()]

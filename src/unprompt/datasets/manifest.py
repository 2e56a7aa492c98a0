"""A list of pictures in a CSV, JSON, JSONL or Parquet file as samples."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from unprompt.datasets.aliases import LABELS, SPLITS, label_of, split_of
from unprompt.errors import DataError
from unprompt.types import Label, Sample, Split

Row = Mapping[str, object]

COLUMNS = "path,label[,generator|source][,split][,prompt][,content]"
_DIGITS: dict[str, Label] = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


def load_manifest(path: str) -> list[Sample]:
    """A list with columns path, label and, if known, generator (or source), split, prompt, content; others are ignored.

    Relative paths start at the manifest's folder; a row whose file is missing stays. Labels: 1, 0 or words such as
    fake and real; empty = unknown. Raises DataError that names the row, counted from 1 below the header.
    """
    manifest = Path(path)
    if not os.path.isfile(path):
        raise DataError(f"got {path!r} as manifest; expected a file that exists, with columns {COLUMNS}")
    reader = READERS.get(manifest.suffix.lower())
    if reader is None:
        raise DataError(f"got manifest {path!r}; expected a name ending in {', '.join(READERS)}")
    try:
        rows = reader(manifest)
    except (OSError, ValueError, csv.Error) as error:  # ValueError: JSON, Arrow and Unicode errors are such
        raise DataError(f"{path}: cannot be read as {manifest.suffix} ({error}); expected columns {COLUMNS}") from error
    if not rows:
        raise DataError(f"{path}: holds no row; expected one a picture, with columns {COLUMNS}")
    return _distinct(path, [_sample(path, number, row) for number, row in enumerate(rows, 1)])


def _csv(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *lines = [cells for cells in csv.reader(file, strict=True) if cells] or [[]]
    for number, cells in enumerate(lines, 1):
        if len(cells) != len(header):
            raise ValueError(f"row {number} has {len(cells)} cells and the header {len(header)}")
    return [dict(zip(header, cells, strict=True)) for cells in lines]


def _json(path: Path) -> list[Row]:
    return _objects(json.loads(path.read_text("utf-8-sig")))


def _jsonl(path: Path) -> list[Row]:
    return _objects([json.loads(line) for line in path.read_text("utf-8-sig").split("\n") if line.strip()])


def _objects(rows: object) -> list[Row]:
    if not isinstance(rows, list):
        raise ValueError(f"got a {type(rows).__name__}; expected a list of objects")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise ValueError(f"row {number} is a {type(row).__name__}; expected an object")
    return rows


def _parquet(path: Path) -> list[Row]:
    import pyarrow.parquet as pq  # the other forms do without Arrow

    with pq.ParquetFile(path) as file:
        return list(file.read().to_pylist())


READERS: dict[str, Callable[[Path], list[Row]]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
}
"""Suffix -> reader."""


def _sample(manifest: str, number: int, row: Row) -> Sample:
    cells = {name.strip().casefold(): _text(value) for name, value in row.items()}
    where = f"{manifest}: row {number}"
    for name in ("path", "label"):
        if name not in cells:
            raise DataError(f"{where}: no column {name!r} among {', '.join(cells)}; expected {COLUMNS}")
    if not cells["path"].strip():
        raise DataError(f"{where}: got an empty path; expected that of a picture")
    return Sample(
        os.path.join(os.path.dirname(manifest), cells["path"]),
        label_cell(where, cells["label"]),
        (cells.get("generator") or cells.get("source") or "").strip(),
        split_cell(where, cells.get("split", "")),
        cells.get("content", "").strip(),
        cells.get("prompt", "").strip(),
    )


def _text(value: object) -> str:
    """A cell as text; null and not-a-number, which stand for empty cells in Parquet, as empty."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)


def label_cell(where: str, word: str) -> Label | None:
    """What a cell of labels means; empty is unknown. Raises DataError that begins with ``where``."""
    label = _DIGITS.get(word.strip(), label_of(word))
    if word.strip() and label is None:
        raise DataError(
            f"{where}: got label {word!r}; expected 1 (generated), 0 (real), {', '.join(LABELS)} or nothing"
        )
    return label


def split_cell(where: str, word: str) -> Split | None:
    """What a cell of splits means; empty is unknown. Raises DataError that begins with ``where``."""
    split = split_of(word)
    if word.strip() and split is None:
        raise DataError(f"{where}: got split {word!r}; expected one of {', '.join(SPLITS)} or nothing")
    return split


def _distinct(manifest: str, samples: list[Sample]) -> list[Sample]:
    """``samples`` without repetitions. Raises DataError when one path has two descriptions."""
    first: dict[str, tuple[int, Sample]] = {}
    for number, sample in enumerate(samples, 1):
        row, known = first.setdefault(sample.uri, (number, sample))
        if known != sample:
            raise DataError(f"{manifest}: row {number}: got {sample}; expected what row {row} tells of it: {known}")
    return [sample for _, sample in first.values()]

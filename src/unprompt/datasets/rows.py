"""Rows of a CSV, JSON, JSONL or Parquet file, one after the other, of the columns that a manifest has."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from unprompt.structured_text import parse_json, read_json, read_lines

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, object]

NAMES: Final = ("path", "label", "generator", "source", "split", "prompt", "content")
ROWS: Final = 20_000_000
"""Most rows of a manifest."""
DENSEST: Final = 64
"""Rows a byte that no Parquet file of different pictures reaches: what repeats is stored once, and so costs nothing."""
CELL: Final = 131_072
"""Characters of the longest cell, as in the standard library's CSV."""
BATCH: Final = 16_384
"""Rows of a Parquet file that are in memory at a time."""


def read_rows(path: Path) -> Iterator[Row]:
    """The file's rows, by its suffix, with the cells as they are stored; columns of other names may lack.

    Raises OSError, or ValueError for whatever is wrong with the file.
    """
    for number, row in enumerate(READERS[path.suffix.lower()](path), 1):
        if number > ROWS:
            raise ValueError(f"it has more than {ROWS:,} rows: split it")
        yield row


@lru_cache(maxsize=64)
def columns(names: tuple[str, ...]) -> dict[str, str]:
    """Plain name -> name as it is spelt there. Raises ValueError for two columns of a manifest with one plain name."""
    found: dict[str, str] = {}
    for name in names:
        plain = name.strip().casefold()
        if plain in NAMES and plain in found:
            raise ValueError(f"two columns are called {plain!r} ({found[plain]!r} and {name!r}); expected one")
        found[plain] = name
    return found


def _csv(path: Path) -> Iterator[Row]:
    lines = (cells for cells in csv.reader(read_lines(path, newline=""), strict=True) if cells)
    try:
        header = next(lines, [])
        columns(tuple(header))
        for number, cells in enumerate(lines, 1):
            if len(cells) != len(header):
                raise ValueError(f"row {number} has {len(cells)} cells and the header {len(header)}")
            yield dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _json(path: Path) -> Iterator[Row]:
    rows = read_json(path)
    if not isinstance(rows, list):
        raise ValueError(f"got a {type(rows).__name__}; expected a list of objects")
    return (_object(number, row) for number, row in enumerate(rows, 1))


def _jsonl(path: Path) -> Iterator[Row]:
    lines = (line for line in read_lines(path, newline="\n") if not line.isspace())
    return (_object(number, parse_json(line)) for number, line in enumerate(lines, 1))


def _object(number: int, row: object) -> Row:
    if not isinstance(row, dict):
        raise ValueError(f"row {number} is a {type(row).__name__}; expected an object")
    return row


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa  # the other forms do without Arrow
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
        if rows > ROWS or rows > DENSEST * path.stat().st_size:
            raise ValueError(f"its {path.stat().st_size:,} bytes claim {rows:,} rows; expected a list of pictures")
        kept = [name for plain, name in columns(tuple(schema.names)).items() if plain in NAMES]
        texts = [name for name in kept if is_text(schema.field(name))]
        with pq.ParquetFile(path, read_dictionary=texts) as file:  # so that what repeats is not written out
            for batch in file.iter_batches(BATCH, columns=kept or None):
                cells = [cells_of(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
                yield from (dict(zip(batch.schema.names, row, strict=True)) for row in zip(*cells, strict=True))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def is_text(field: pa.Field) -> bool:
    """Whether a column holds texts; ValueError when it holds neither texts nor numbers."""
    import pyarrow.types as kinds

    kind = field.type.value_type if kinds.is_dictionary(field.type) else field.type
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return True
    numbers = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean, kinds.is_null)
    if not any(is_kind(kind) for is_kind in numbers):
        raise ValueError(f"column {field.name!r} holds {kind}; expected texts or numbers")
    return False


def cells_of(name: str, column: pa.Array) -> list[object]:
    """The cells of a column; equal texts are one object."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(column, pa.DictionaryArray):
        return list(column.to_pylist())
    used = column.indices.unique()
    values = column.dictionary.take(used)
    if (longest := pc.max(pc.binary_length(values)).as_py() or 0) > CELL:
        raise ValueError(f"a cell of column {name!r} has {longest:,} bytes; expected {CELL:,} at most")
    by_index = dict(zip(used.to_pylist(), values.to_pylist(), strict=True))
    return [by_index[index] for index in column.indices.to_pylist()]


READERS: Final[dict[str, Callable[[Path], Iterator[Row]]]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
}
"""Suffix -> reader."""

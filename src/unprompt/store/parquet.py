"""Tables as Parquet files under a declared schema, with a checksum; read whole or a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from unprompt.errors import StoreError
from unprompt.store.checksum import BLANK, KEY, verify_checksum, write_checksum
from unprompt.store.files import write_aside
from unprompt.store.object_path import ObjectPath
from unprompt.store.places import Place
from unprompt.store.schema import HAS_CHECKSUM, completed, tag

Groups: TypeAlias = Callable[[pq.FileMetaData], Sequence[int]]
"""From a file's footer to the numbers of the row groups to be read."""
GROUP = 65_536
"""Rows of a long table that are in memory at a time."""
FOOTER = 2**16
"""Last bytes of an object in which its footer is looked for."""
REMEDY = "delete this file and run the same command again: what it held is made anew"


def write_table(path: Place, table: pa.Table, schema: pa.Schema) -> None:
    """Store ``table`` as Parquet under ``schema``, with a checksum; the same rows give the same bytes.

    Raises StoreError when the columns do not fit the schema, or when the file cannot be written.
    """
    write_tables(path, [fitted(path, table, schema)], schema)


def write_tables(path: Place, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """As :func:`write_table`, from pieces of which one at a time is in memory; each becomes a row group."""

    def write(file: BinaryIO) -> None:
        with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
            for table in tables:
                writer.write_table(fitted(path, table, schema))
            writer.add_key_value_metadata({KEY: BLANK})
        write_checksum(file)

    write_aside(path, write)


def fitted(path: Place, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """``table`` with the columns, order and types of ``schema``, as it is to be stored in ``path``."""
    if sorted(table.column_names) != sorted(schema.names):
        raise StoreError(f"got columns {', '.join(table.column_names)}; expected {', '.join(schema.names)}", path=path)
    try:
        return table.select(schema.names).cast(schema).combine_chunks()
    except (pa.ArrowException, ValueError) as error:
        raise StoreError(
            f"the rows do not fit the schema ({error}); expected {_described(schema)}", path=path
        ) from error


def read_table(path: Place, schema: pa.Schema, remedy: str = REMEDY) -> pa.Table | None:
    """The rows of ``path``, None without such a file; a damaged one, or one of another schema, raises StoreError."""
    with _translated(path, remedy):
        try:
            with pq.ParquetFile(_source(path), page_checksum_verification=True) as file:
                table = file.read()
        except FileNotFoundError:
            return None
        return _sound(path, table, schema, remedy)


def read_tables(
    path: Place, schema: pa.Schema, remedy: str = REMEDY, groups: Groups | None = None
) -> Iterator[pa.Table]:
    """As :func:`read_table`, at most ``GROUP`` at a time; ``groups`` chooses among the row groups."""
    with _translated(path, remedy):
        try:
            file = pq.ParquetFile(_source(path), page_checksum_verification=True)
        except FileNotFoundError:
            return
        with file:
            chosen = groups(file.metadata) if groups else range(file.num_row_groups)
            for batch in file.iter_batches(GROUP, list(chosen)):
                yield _sound(path, pa.Table.from_batches([batch], file.schema_arrow), schema, remedy)


def rows_in(path: Place) -> int:
    """How many rows a Parquet file has, by its footer."""
    with _translated(path, REMEDY):
        return int(_footer(path).num_rows)


def check_file(path: Place) -> bool:
    """Whether a sound Parquet file bears a checksum, as files of before do not; StoreError when it has another."""
    with _translated(path, REMEDY), path.open("rb") as file:
        if not {HAS_CHECKSUM, KEY.encode()}.intersection(pq.read_metadata(file).metadata or {}):
            return False
        verify_checksum(file)
    return True


def _source(path: Place) -> Any:
    """What pyarrow reads: the file, or the object in memory."""
    return pa.BufferReader(path.read_bytes()) if isinstance(path, ObjectPath) else path


def _footer(path: Place) -> pq.FileMetaData:
    if isinstance(path, ObjectPath):
        with suppress(pa.ArrowInvalid):  # as a footer that is longer is
            return pq.read_metadata(pa.BufferReader(path.read_bytes(FOOTER)))
    return pq.read_metadata(_source(path))


@contextmanager
def _translated(path: Place, remedy: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())  # Arrow's reasons run over several lines
        raise StoreError(f"no sound Parquet file ({reason}); {remedy}", path=path) from error


def _sound(path: Place, table: pa.Table, schema: pa.Schema, remedy: str) -> pa.Table:
    table.validate(full=True)
    table = completed(table, schema)
    if not table.schema.equals(schema):
        raise StoreError(f"got columns {_described(table.schema)}; expected {_described(schema)}; {remedy}", path=path)
    got, expected = tag(table.schema), tag(schema)
    if got != expected:
        raise StoreError(f"got a table of {got}; expected {expected}; {remedy}", path=path)
    return table.replace_schema_metadata(schema.metadata)


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}{'' if field.nullable else ' not null'}" for field in schema)

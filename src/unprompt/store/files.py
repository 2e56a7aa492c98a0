"""Files that are whole or not there: written aside, flushed to the disk, renamed."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from unprompt.errors import StoreError
from unprompt.store.checksum import BLANK, KEY, check_seal, seal
from unprompt.store.schema import PROMISE, completed, tag

Groups: TypeAlias = Callable[[pq.FileMetaData], Sequence[int]]
"""From what the footer tells, the numbers of the row groups to be read."""
GROUP = 65_536
"""Rows of a long table that are in memory at a time."""
REMEDY = "delete this file and run the same command again: what it held is made anew"


def write_table(path: Path, table: pa.Table, schema: pa.Schema) -> None:
    """Store ``table`` as Parquet under ``schema``, sealed; the same rows give the same bytes.

    Raises StoreError when the columns do not fit the schema, or when the file cannot be written.
    """
    write_tables(path, [fitted(path, table, schema)], schema)


def write_tables(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """As :func:`write_table`, from pieces of which one at a time is in memory; each becomes a row group."""

    def write(file: BinaryIO) -> None:
        with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
            for table in tables:
                writer.write_table(fitted(path, table, schema))
            writer.add_key_value_metadata({KEY: BLANK})
        seal(file)

    write_aside(path, write)


def fitted(path: Path, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """``table`` with the columns, order and types of ``schema``, as it is to be stored in ``path``."""
    if sorted(table.column_names) != sorted(schema.names):
        raise StoreError(f"{path}: got columns {', '.join(table.column_names)}; expected {', '.join(schema.names)}")
    try:
        return table.select(schema.names).cast(schema).combine_chunks()
    except (pa.ArrowException, ValueError) as error:
        raise StoreError(f"{path}: the rows do not fit the schema ({error}); expected {_drawn(schema)}") from error


def read_table(path: Path, schema: pa.Schema, remedy: str = REMEDY) -> pa.Table | None:
    """The rows of ``path``, None without such a file; a damaged one, or one of another schema, raises StoreError."""
    with _translated(path, remedy):
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                table = file.read()
        except FileNotFoundError:
            return None
        return _sound(path, table, schema, remedy)


def read_tables(
    path: Path, schema: pa.Schema, remedy: str = REMEDY, groups: Groups | None = None
) -> Iterator[pa.Table]:
    """As :func:`read_table`, at most ``GROUP`` at a time; ``groups`` chooses among the row groups."""
    with _translated(path, remedy):
        try:
            file = pq.ParquetFile(path, page_checksum_verification=True)
        except FileNotFoundError:
            return
        with file:
            chosen = groups(file.metadata) if groups else range(file.num_row_groups)
            for batch in file.iter_batches(GROUP, list(chosen)):
                yield _sound(path, pa.Table.from_batches([batch], file.schema_arrow), schema, remedy)


def rows_in(path: Path) -> int:
    """How many rows a Parquet file has, by its footer."""
    with _translated(path, REMEDY):
        return int(pq.read_metadata(path).num_rows)


def check_file(path: Path) -> bool:
    """Whether a sound Parquet file bears a checksum, as files of before do not; StoreError when it has another."""
    with _translated(path, REMEDY):
        if not {PROMISE, KEY.encode()}.intersection(pq.read_metadata(path).metadata or {}):
            return False
        with path.open("rb") as file:
            check_seal(file)
    return True


def check_note(path: Path) -> None:
    """StoreError when a sound note in JSON is spelt in other bytes than the store spells it in."""
    data = path.read_bytes()
    if json.dumps(json.loads(data), indent=2, sort_keys=True).encode("ascii") != data:
        raise StoreError(
            f"{path}: got other bytes than this content is spelt in: delete this file and run the same command again; "
            "of a recipe delete the folder"
        )


@contextmanager
def _translated(path: Path, remedy: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())  # Arrow's reasons run over several lines
        raise StoreError(f"{path}: no sound Parquet file ({reason}); {remedy}") from error


def _sound(path: Path, table: pa.Table, schema: pa.Schema, remedy: str) -> pa.Table:
    table.validate(full=True)
    table = completed(table, schema)
    if not table.schema.equals(schema):
        raise StoreError(f"{path}: got columns {_drawn(table.schema)}; expected {_drawn(schema)}; {remedy}")
    got, expected = tag(table.schema), tag(schema)
    if got != expected:
        raise StoreError(f"{path}: got a table of {got}; expected {expected}; {remedy}")
    return table.replace_schema_metadata(schema.metadata)


def write_aside(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file beside ``path``, flush it to the disk, then give it its name.

    A process killed at any moment leaves the old file or the new one, and at worst a temporary file that
    no reader sees and that the next writer of ``path`` removes. Raises StoreError for a full or read-only disk.
    """
    aside = path.with_name(f"{_stem(path)}{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        with aside.open("w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _replace(aside, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error}); expected a folder with free space that you may write to: "
            "make room or name another --out, then run the same command again"
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def keep(path: Path, data: bytes) -> None:
    """Store ``data`` in ``path`` unless it lies there: a whole store can be used where nobody may write."""
    try:
        if path.read_bytes() == data:
            return
    except OSError:
        pass  # Whatever ails the file, writing it tells.
    write_aside(path, lambda file: file.write(data))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock that the system frees when this process ends, however it ends."""
    from filelock import BaseFileLock, FileLock, SoftFileLock  # most runs lock nothing

    lock: BaseFileLock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        if isinstance(lock, SoftFileLock):  # It is one where the file system has no locks; a killed run would leave it.
            lock.release()
            raise NotImplementedError("its file system has no locks")
    except (OSError, NotImplementedError) as error:
        raise StoreError(
            f"{path} cannot be opened ({error}); expected a folder that you may write to: make it so or name another "
            "--out, then run the same command again"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _stem(path: Path) -> str:
    # The host is part of the name because process ids are only unique on one.
    return f".{path.name}.{platform.node()}."


def _sweep(path: Path) -> None:
    """Remove what dead runs on this host left beside ``path``."""
    stem = _stem(path)
    with os.scandir(path.parent) as found:
        strays = [entry.name for entry in found if entry.name.startswith(stem)]
    for name in strays:
        writer = name.removeprefix(stem).removesuffix(".tmp")
        if writer.isdecimal() and not _alive(int(writer)):
            with suppress(OSError):  # Another user's: it stands in nobody's way.
                path.with_name(name).unlink()


def _alive(process: int) -> bool:
    if sys.platform == "win32":  # where os.kill would end it
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(0x100000, False, process)  # SYNCHRONIZE
        running: bool = kernel.WaitForSingleObject(handle, 0) == 0x102 if handle else kernel.GetLastError() == 5
        kernel.CloseHandle(handle)
        return running  # 0x102 = the wait timed out; 5 = it is another user's
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _replace(aside: Path, path: Path) -> None:
    """Rename; Windows refuses it while another process reads ``path``, so there it is tried for ten seconds."""
    for _ in range(100 if sys.platform == "win32" else 0):
        with suppress(PermissionError):
            os.replace(aside, path)
            return
        time.sleep(0.1)
    os.replace(aside, path)


def _flush_folder(folder: Path) -> None:
    # Some network file systems refuse this; the rename has happened all the same.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _drawn(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}{'' if field.nullable else ' not null'}" for field in schema)

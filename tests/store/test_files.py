"""A damaged file is named, a foreign one too, and the same rows give the same bytes."""

import os
import platform
import re
import subprocess
import sys

import filelock
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unprompt.errors import StoreError
from unprompt.store import files, schema
from unprompt.store.files import write_aside
from unprompt.store.notes import write_note
from unprompt.store.parquet import read_table, write_table

EMBEDDING = schema.PRODUCTS["embedding"]


@pytest.fixture
def table():
    return pa.table({"pixels": ["a", "b"], "fingerprint": ["1", "2"], "vector": [[0.5, 1.5], [2.5, 3.5]]}, EMBEDDING)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "part-00000.parquet"


def named(path, *words):
    return r".*".join(re.escape(word) for word in (str(path), *words))


def test_what_was_written_is_read(path, table):
    write_table(path, table, EMBEDDING)
    assert read_table(path, EMBEDDING) == table


def test_the_same_rows_give_the_same_bytes(tmp_path, path, table):
    write_table(path, table, EMBEDDING)
    shuffled = pa.concat_tables([table.slice(0, 1), table.slice(1)]).select(["vector", "fingerprint", "pixels"])
    write_table(tmp_path / "again.parquet", shuffled.replace_schema_metadata({"noise": "1"}), EMBEDDING)
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("declared", [schema.PLAN, schema.SAMPLES, *schema.PRODUCTS.values()], ids=schema.tag)
def test_every_column_is_documented_and_the_file_says_its_version(path, declared):
    write_table(path, declared.empty_table(), declared)
    stored = pq.read_schema(path)
    assert all(len(field.metadata[b"doc"]) > 10 for field in stored)
    assert stored.metadata[b"unprompt.version"] == str(schema.VERSION).encode()


def test_a_missing_file_is_none(path):
    assert read_table(path, EMBEDDING) is None


def test_a_damaged_file_is_an_error_that_names_it(path, table):
    write_table(path, table, EMBEDDING)
    whole = path.read_bytes()
    for damaged in (b"", b"PAR1", b"no Parquet at all", whole[: len(whole) // 2], whole[:-1], whole[100:]):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=named(path, "no sound Parquet file", "delete this file")):
            read_table(path, EMBEDDING)


def test_no_flipped_byte_gives_other_rows(path, table):
    write_table(path, table, EMBEDDING)
    whole = path.read_bytes()
    refused = []
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert read_table(path, EMBEDDING) == table
        except StoreError as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert all(str(path) in words for words in refused)


def test_a_folder_in_place_of_the_file_is_an_error(path):
    path.mkdir()
    with pytest.raises(StoreError, match=named(path, "no sound Parquet file")):
        read_table(path, EMBEDDING)


def test_other_columns_are_an_error(path):
    pq.write_table(pa.table({"pixels": ["a"], "vector": [1.5]}), path)
    with pytest.raises(StoreError, match=named(path, "got columns pixels: string, vector: double; expected pixels:")):
        read_table(path, EMBEDDING)


def test_another_version_is_an_error(path, table):
    older = EMBEDDING.with_metadata({**EMBEDDING.metadata, b"unprompt.version": b"0"})
    pq.write_table(table.cast(older), path)
    with pytest.raises(StoreError, match="got a table of embedding, version 0; expected embedding, version 1; delete"):
        read_table(path, EMBEDDING)


def test_rows_that_do_not_fit_are_not_written(path, table):
    with pytest.raises(StoreError, match=named(path, "got columns pixels, fingerprint; expected pixels, fingerprint,")):
        write_table(path, table.drop_columns(["vector"]), EMBEDDING)
    with pytest.raises(StoreError, match=named(path, "do not fit the schema", "expected pixels: string not null")):
        write_table(path, pa.table({"pixels": ["a"], "fingerprint": ["1"], "vector": ["text"]}), EMBEDDING)
    with pytest.raises(StoreError, match=named(path, "do not fit the schema", "pixels")):
        write_table(path, pa.table({"pixels": [None], "fingerprint": ["1"], "vector": [[1.0]]}), EMBEDDING)
    assert not path.exists()


@pytest.mark.parametrize(
    ("call", "words"), [("replace", "Read-only file system"), ("fsync", "No space left on device")]
)
def test_a_disk_that_refuses_is_an_error_and_leaves_nothing(path, table, monkeypatch, call, words):
    def refuse(*_):
        raise OSError(words)

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(
        StoreError,
        match=named(path, "cannot be written", words, "make room or name another --out, or UNPROMPT_HOME for caches"),
    ):
        write_table(path, table, EMBEDDING)
    assert list(path.parent.iterdir()) == []


def test_a_failed_write_keeps_the_former_file(path, table, monkeypatch):
    write_table(path, table, EMBEDDING)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        write_aside(path, lambda file: file.write(b"half") / 0)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_what_dead_runs_left_is_removed_and_what_others_do_is_not(path, table):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stem = f".{path.name}.{platform.node()}."
    dead = path.with_name(f"{stem}{ended.pid}.tmp")
    living = path.with_name(f"{stem}{os.getppid()}.tmp")
    elsewhere = path.with_name(f".{path.name}.another-host.{ended.pid}.tmp")
    other = path.with_name(f".part-00001.parquet.{platform.node()}.{ended.pid}.tmp")
    for stray in (dead, living, elsewhere, other):
        stray.write_bytes(b"half")
    write_table(path, table, EMBEDDING)
    assert {found.name for found in path.parent.iterdir()} == {path.name, living.name, elsewhere.name, other.name}


def test_another_users_stray_stands_in_nobodys_way(path, table, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stray = path.with_name(f".{path.name}.{platform.node()}.{ended.pid}.tmp")
    stray.write_bytes(b"half")
    plain = type(path).unlink

    def unlink(found, missing_ok=False):
        if found == stray:
            raise PermissionError("Operation not permitted")
        plain(found, missing_ok)

    monkeypatch.setattr(type(path), "unlink", unlink)
    write_table(path, table, EMBEDDING)
    assert read_table(path, EMBEDDING) == table
    assert stray.exists()


def test_what_lies_there_is_not_written_again(path, monkeypatch):
    write_note(path, {"is": "whole"})
    monkeypatch.setattr(os, "replace", None)
    write_note(path, {"is": "whole"})
    monkeypatch.undo()
    write_note(path, {"is": "other"})
    assert path.read_bytes() == b'{\n  "is": "other"\n}'


def test_a_process_is_seen_to_live_and_to_have_ended():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert files._alive(child.pid)
    child.communicate(b"\n")
    assert not files._alive(child.pid)
    assert files._alive(os.getpid())


def test_a_lock_that_a_killed_run_would_leave_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("filelock.FileLock", filelock.SoftFileLock)
    words = r"plan\.lock cannot be opened \(its file system has no locks\)"
    with pytest.raises(StoreError, match=words), files.locked(tmp_path / "plan.lock"):
        pass
    assert not (tmp_path / "plan.lock").exists()

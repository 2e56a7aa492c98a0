"""Digests of large files are noted, and a note stands for one state of its file alone."""

import hashlib
import os
from pathlib import Path

import pytest

from unprompt.instruments import digests
from unprompt.instruments.cards import Origin
from unprompt.instruments.digests import file_digest


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of eight bytes that counts as large and as long unchanged, beside a cache of its own."""
    monkeypatch.setenv("UNPROMPT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(digests, "LARGE", 8)
    monkeypatch.setattr(digests, "SETTLED", -(10**12))
    path = tmp_path / "weights"
    path.write_bytes(b"12345678")
    return path


def found(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """What a new process finds, and how often it reads the file."""
    read, reads = digests._read, list[Path]()
    digests._settled_digest.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(digests, "_read", lambda one: reads.append(one) or read(one))
        return file_digest(path), len(reads)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def notes(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "home" / "digests").glob("*"))


def test_another_process_reads_no_more(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(file, monkeypatch) == (sha256(b"12345678"), 1)
    assert [one.suffix for one in notes(tmp_path)] == [".json"]
    assert found(file, monkeypatch) == (sha256(b"12345678"), 0)


def test_a_small_file_is_not_noted(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(b"1234567")
    assert found(file, monkeypatch) == found(file, monkeypatch) == (sha256(b"1234567"), 1)
    assert notes(tmp_path) == []


def test_a_change_is_seen_though_size_and_time_are_put_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(file, monkeypatch)
    before = file.stat()
    file.write_bytes(b"87654321")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert found(file, monkeypatch) == (sha256(b"87654321"), 1)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": [1], "sha256": "ff"}', '{"sha256": 3}'])
def test_a_note_that_says_nothing_is_written_again(
    content: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(file, monkeypatch)
    (note,) = notes(tmp_path)
    note.write_text(content)
    assert found(file, monkeypatch) == (sha256(b"12345678"), 1)
    assert found(file, monkeypatch) == (sha256(b"12345678"), 0)


def test_a_wrong_note_refuses_nothing(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model := tmp_path / "model").mkdir()
    file = file.rename(model / "model.safetensors")
    right = digests.folder_digest(model)
    (note,) = notes(tmp_path)
    note.write_text(note.read_text().replace(sha256(b"12345678"), sha256(b"another")))
    digests._settled_digest.cache_clear()
    assert digests.folder_digest(model) != right
    assert Origin(model, digest=right).card("encoder", ("*.safetensors",)).digest == right
    assert found(file, monkeypatch) == (sha256(b"12345678"), 0)


def test_without_a_cache_it_is_read(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("a file")
    assert found(file, monkeypatch) == (sha256(b"12345678"), 1)
    (tmp_path / "home").unlink()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "digests").write_text("a file")
    assert found(file, monkeypatch) == (sha256(b"12345678"), 1)

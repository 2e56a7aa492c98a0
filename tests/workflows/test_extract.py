"""Extract: every input comes out, a second run makes nothing, an interrupted one ends with the same bytes."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from unprompt.errors import DataError, OptionError
from unprompt.instruments.blip import BlipCaptioner
from unprompt.store import Store
from unprompt.workflows.extract import extract


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def test_every_file_comes_out(store: Path) -> None:
    rows = Store(store).read_samples().to_pylist()
    assert len(rows) == 61
    failed = [row for row in rows if row["status"] == "error"]
    assert [Path(row["uri"]).name for row in failed] == ["text.jpg"]
    assert "not a picture" in failed[0]["error"]


def test_a_second_run_asks_no_instrument(
    store: Path, pictures: Path, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the captioner was asked again")

    monkeypatch.setattr(BlipCaptioner, "captions", refuse)
    said: list[str] = []
    before = digests(store)
    extract("sare", data=f"folder:{pictures}", out=store, suite=suite, say=said.append)
    assert digests(store) == before
    assert all(line.endswith("already there") for line in said)


def test_lost_parts_are_made_again_with_the_same_bytes(
    store: Path, pictures: Path, suite: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(store, copy)
    lost = sorted((copy / "products").rglob("part-00001.parquet"))
    for path in lost:
        path.unlink()
    extract("panel", data=f"folder:{pictures}", out=copy, suite=suite)
    assert len(lost) >= 4
    assert digests(copy) == digests(store)


def test_unknown_names_are_refused(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="method is 'sear', expected one of sare, semgir"):
        extract("sear", data=f"folder:{suite}", out=tmp_path / "out", suite=suite)
    with pytest.raises(DataError, match=r"folder '/nowhere/at/all'|'/nowhere/at/all' as data folder"):
        extract("sare", data="folder:/nowhere/at/all", out=tmp_path / "out", suite=suite)

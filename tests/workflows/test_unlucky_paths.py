"""No path ends a batch: what cannot be opened is a row, and the pictures beside it are judged and stored."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import unprompt
from unprompt.cli import main
from unprompt.images import encode_png
from unprompt.store import Store

UNLUCKY = {
    "x" * 300: "File name too long",
    "a\0b.png": "embedded null byte",
    f"good.png#bytes={'9' * 30}+5": "names a part of a file",
    "\udcff\ud800.png": "surrogates not allowed",
    "https://example.org/a.png": "URLs are not fetched",
    "good.png#page=2": "names a part of a file",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``good.png`` of noise in the working directory."""
    monkeypatch.chdir(tmp_path)
    rgb = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    (tmp_path / "good.png").write_bytes(encode_png(rgb))
    return tmp_path


def judge(*paths: str) -> list[unprompt.Prediction]:
    return unprompt.detect(list(paths), suite="miniature", method="trivial-energy", batch_size=2)


def test_every_unlucky_path_is_a_row_and_the_last_picture_is_judged(here: Path) -> None:
    rows = judge(*UNLUCKY, "good.png")
    assert [row.uri for row in rows] == [*UNLUCKY, "good.png"]
    assert [row.status for row in rows] == ["error"] * len(UNLUCKY) + ["ok"]
    for row, words in zip(rows, UNLUCKY.values(), strict=False):
        assert words in str(row.error)


def test_a_real_file_named_like_a_range_is_judged(here: Path) -> None:
    shutil.copy("good.png", "z.jpg#bytes=0+100")
    (row,) = judge("z.jpg#bytes=0+100")
    assert (row.status, row.format) == ("ok", "PNG")


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_a_name_that_is_no_utf_8_is_judged_and_printed(
    here: Path, form: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "in").mkdir()
    shutil.copy("good.png", os.fsdecode(b"in/\xff.png"))
    (here / os.fsdecode(b"in/\xfe.png")).write_bytes(b"no picture")
    words = "detect in --suite miniature --method trivial-energy --report page --format"
    monkeypatch.setattr(sys, "argv", ["unprompt", *words.split(), form])
    with pytest.raises(SystemExit, match="1"):
        main()
    out = capfd.readouterr().out
    assert "\\udcff.png" in out
    assert "\\udcfe.png: not a picture" in out
    assert "\\udcff.png" in (here / "page/index.html").read_text("utf-8")


def test_extract_stores_a_row_for_each_of_them(here: Path) -> None:
    unlucky = [name for name in UNLUCKY if "surrogates" not in UNLUCKY[name]]
    cells = [{"path": name, "label": number % 2} for number, name in enumerate([*unlucky, "good.png"])]
    (here / "m.json").write_text(json.dumps(cells))
    store = Store(unprompt.extract("trivial-energy", data="m.json", out=here / "out"))
    rows = store.read_samples().to_pylist()
    assert [row["uri"] for row in rows] == [*unlucky, "good.png"]
    assert [row["status"] for row in rows] == ["error"] * len(unlucky) + ["ok"]
    assert all("cannot be opened" in row["error"] for row in rows[:-1])

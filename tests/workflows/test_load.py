"""One detector for many calls: whatever a picture is handed over as, its row is that of ``detect``."""

from __future__ import annotations

import gc
import io
import shutil
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import unprompt
from unprompt.errors import MissingHead, MissingWeights, OptionError
from unprompt.types import Prediction
from unprompt.workflows.detect import detect
from unprompt.workflows.load import LoadedDetector, load


@pytest.fixture(scope="module")
def detector(candidate_suites: Path) -> LoadedDetector:
    return load(suite=candidate_suites, method="item", batch_size=4)


@pytest.fixture(scope="module")
def picture(pictures: Path) -> Path:
    return pictures / "test" / "real" / "0.png"


@pytest.fixture(scope="module")
def row(picture: Path, candidate_suites: Path) -> Prediction:
    (row,) = detect([picture], suite=candidate_suites, method="item")
    assert row.verdict
    return row


def test_it_is_public() -> None:
    assert unprompt.load is load
    assert unprompt.LoadedDetector is LoadedDetector


def test_a_file_is_judged_as_by_detect(detector: LoadedDetector, picture: Path, row: Prediction) -> None:
    data = picture.read_bytes()
    for source in (picture, str(picture)):
        assert list(detector.predict(source)) == [row]
    (named,) = detector.predict(data)
    assert named == replace(row, uri="<bytes 1>", label=None)
    with picture.open("rb") as file:
        assert list(detector.predict(file)) == [replace(named, uri="<file 1>")]
        assert not file.closed
    several = detector.predict([bytearray(data), io.BytesIO(data), memoryview(data)])
    assert [one.uri for one in several] == ["<bytes 1>", "<file 2>", "<bytes 3>"]


def test_pixels_have_no_file(detector: LoadedDetector, picture: Path, row: Prediction) -> None:
    expected = replace(row, label=None, sha256=None, format=None, quality=None)
    with Image.open(picture) as image:
        assert list(detector.predict(image)) == [replace(expected, uri="<image 1>")]
        assert list(detector.predict(np.asarray(image))) == [replace(expected, uri="<array 1>")]


def test_folders_and_pixels_go_together(detector: LoadedDetector, pictures: Path) -> None:
    folder = pictures / "test" / "fake"
    grain = np.random.default_rng(0).integers(0, 256, (36, 40, 3), np.uint8)
    rows = list(detector.predict([folder, grain]))
    assert [one.uri for one in rows[:-1]] == sorted(one.uri for one in rows if one.uri.startswith(str(folder)))
    assert (len(rows), rows[-1].uri) == (12, "<array 2>")
    assert [one.status for one in rows].count("error") == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "<bytes 2>: not a picture: an empty file of 0 bytes"),
        (io.StringIO("text"), "<file 2>: its read() gives str; expected bytes: open it with 'rb'"),
        (np.zeros((3, 4)), "<array 2>: got an array of float64 of shape (3, 4); expected uint8 of H x W x 3"),
        (Image.new("F", (4, 3)), "<image 2>: Pillow's image of mode F and 4 x 3 pixels gives none"),
        (7, "<object 2>: got int; expected a path, the bytes of a picture's file, a file object"),
        ("nowhere.png", "nowhere.png: cannot be opened: No such file"),
    ],
)
def test_what_is_no_picture_is_a_row_beside_the_others(
    source: Any, message: str, detector: LoadedDetector, picture: Path, row: Prediction
) -> None:
    first, bad, last = detector.predict([picture, source, picture])
    assert (first, last.verdict) == (row, row.verdict)
    assert bad.status == "error"
    assert message in (bad.error or "")


def test_a_closed_file_is_a_row(detector: LoadedDetector) -> None:
    file = io.BytesIO()
    file.close()
    (row,) = detector.predict(file)
    assert row.error == "<file 1>: cannot be read: I/O operation on closed file.; expected an open file of bytes"


def test_neither_pictures_nor_rows_are_held(detector: LoadedDetector) -> None:
    """Of a stream without an end, at most a batch is taken ahead, and what was given is let go."""
    taken: list[weakref.ref[Any]] = []
    given: list[weakref.ref[Any]] = []

    def stream() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        while True:
            array = rng.integers(0, 256, (36, 40, 3), np.uint8)
            taken.append(weakref.ref(array))
            yield array
            del array

    rows = detector.predict(stream())
    for _ in range(20):
        given.append(weakref.ref(next(rows)))
        assert len(taken) <= len(given) + 4
    gc.collect()
    assert sum(one() is not None for one in given) <= 1
    assert sum(one() is not None for one in taken[:-4]) <= 4
    rows.close()


def test_several_threads_share_one(detector: LoadedDetector, pictures: Path, candidate_suites: Path) -> None:
    paths = sorted((pictures / "test").rglob("*.png"))[:8]
    expected = detect(paths, suite=candidate_suites, method="item", batch_size=1)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda path: next(detector.predict(path.read_bytes())), paths * 2))
    for one, other in zip(made, expected * 2, strict=True):
        assert one.pixels == other.pixels
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_equal_pictures_of_one_batch_are_judged_once(detector: LoadedDetector, picture: Path) -> None:
    rows = list(detector.predict([picture] * 3))
    assert [one.duplicate_of for one in rows] == [None, None, str(picture)]  # the first is a batch of its own


def test_what_is_missing_is_told_when_it_is_made(candidate_suites: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--method is 'guess', expected one of"):
        load(suite="miniature", method="guess")
    with pytest.raises(MissingHead, match="univfd"):
        load(suite=candidate_suites, method="univfd")
    with pytest.raises(OptionError, match="--batch-size is 0, expected 1 or more"):
        load(suite=candidate_suites, method="item", batch_size=0)
    copied = tmp_path / "suite"
    shutil.copytree(candidate_suites, copied)
    shutil.rmtree(copied / "grounder")
    with pytest.raises(MissingWeights, match="grounder"):
        load(suite=copied, method="item")

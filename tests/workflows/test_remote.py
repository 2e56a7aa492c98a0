"""Pictures in an object store, by fsspec's own store in memory: listed like folders, each a row whatever is wrong."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from unprompt.errors import MissingExtra, PictureError
from unprompt.types import Picture
from unprompt.workflows.detect import detect
from unprompt.workflows.prediction.inputs import Input, Inputs

from .test_spreading import close


@pytest.fixture
def bucket(pictures: Path) -> Iterator[MemoryFileSystem]:
    """The test pictures, beside what systems leave behind and a file that is no picture."""
    store = fsspec.filesystem("memory")
    store.put(f"{pictures / 'test'}/", "/bucket/", recursive=True)
    store.pipe("/bucket/real/.hidden.png", b"")
    store.pipe("/bucket/Thumbs.db", b"")
    store.pipe("/bucket/.cache/a.png", b"")
    yield store
    store.rm("/bucket", recursive=True)


def refusal(one: Input) -> str:
    found = one.read()
    assert isinstance(found, PictureError)
    return str(found)


@pytest.mark.usefixtures("bucket")
def test_a_folder_in_a_store_is_as_one_on_the_disk(pictures: Path) -> None:
    here, there = list(Inputs(pictures / "test")), list(Inputs("memory://bucket", allow_urls=True))
    assert [one.sample.uri.removeprefix("memory:///bucket") for one in there] == [
        one.sample.uri.removeprefix(str(pictures / "test")).replace("\\", "/") for one in here
    ]
    assert [replace(one.sample, uri="") for one in there] == [replace(one.sample, uri="") for one in here]
    for one, other in zip(there, here, strict=True):
        found, expected = pickle.loads(pickle.dumps(one)).read(), other.read()
        if isinstance(expected, Picture):
            assert isinstance(found, Picture)
            assert (found.pixels, found.sha256) == (expected.pixels, expected.sha256)
        else:
            assert isinstance(found, PictureError)


@pytest.mark.usefixtures("bucket")
def test_the_rows_are_those_of_the_disk(pictures: Path, candidate_suites: Path, tmp_path: Path) -> None:
    here = detect(pictures / "test" / "real", suite=candidate_suites, method="tidy")
    out = tmp_path / "rows.jsonl"
    there = detect("memory://bucket/real", suite=candidate_suites, method="tidy", allow_urls=True, out=out)
    assert close([replace(row, uri="") for row in there], [replace(row, uri="") for row in here])
    assert detect("memory://bucket/real", suite=candidate_suites, method="tidy", allow_urls=True, out=out) == []


@pytest.mark.usefixtures("bucket")
def test_files_and_patterns() -> None:
    def names(url: str) -> list[str]:
        return [one.sample.uri for one in Inputs(url, allow_urls=True)]

    assert names("memory://bucket/real/1.png") == ["memory://bucket/real/1.png"]
    assert names("memory://bucket/real/[12].png") == ["memory:///bucket/real/1.png", "memory:///bucket/real/2.png"]


@pytest.mark.usefixtures("bucket")
def test_what_is_not_there_is_a_row() -> None:
    (one,) = Inputs("memory://bucket/nothing.png", allow_urls=True)
    assert refusal(one).startswith("memory://bucket/nothing.png: cannot be fetched (FileNotFoundError: /bucket/nothing")
    (one,) = Inputs("memory://bucket/*.tiff", allow_urls=True)
    assert "holds no visible file" in refusal(one)
    (one,) = Inputs("nowhere://bucket/a.png", allow_urls=True)
    assert refusal(one).startswith("nowhere://bucket/a.png: cannot be listed (ValueError: Protocol not known: nowhere)")
    (one,) = Inputs("s3://bucket/real/1.png")
    assert refusal(one).startswith("s3://bucket/real/1.png: URLs are not fetched unless --allow-urls says so")


def test_a_store_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(MissingExtra, match=r"s3://b/a.png needs a package .* \(Install s3fs .*: pip install 'unprompt"):
        list(Inputs("s3://b/a.png", allow_urls=True))

"""Paths, folders, patterns and lists: every name becomes its rows, in order."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from unprompt.errors import DataError, UnreadablePicture
from unprompt.workflows.prediction.inputs import Input, inputs_of, listed


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """real/a.png real/b.png deep/er/c.png deep/er/d.txt, the working directory."""
    for name in ("real/a.png", "real/b.png", "deep/er/c.png", "deep/er/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def uris(*paths: str | Path) -> list[str]:
    return [one.sample.uri for one in inputs_of(paths)]


def refusal(one: Input) -> str:
    found = one.read()
    assert isinstance(found, UnreadablePicture)
    return str(found)


def test_everything_in_the_order_in_which_it_was_named(here: Path) -> None:
    expected = ["real/b.png", "real/a.png", "real/b.png", "gone.png", "deep/er/c.png"]
    assert uris("real/b.png", Path("real"), "gone.png", "deep/*/*.png") == expected


def test_a_pattern_is_sorted_and_names_a_file_once(here: Path) -> None:
    assert uris("*/[ab].png") == ["real/a.png", "real/b.png"]
    assert uris("real/?.png", "real/a*") == ["real/a.png", "real/b.png", "real/a.png"]
    assert uris("**") == ["deep/er/c.png", "deep/er/d.txt", "real/a.png", "real/b.png"]
    assert uris("./**/*.png") == ["./deep/er/c.png", "./real/a.png", "./real/b.png"]


def test_a_pattern_can_match_a_folder(here: Path) -> None:
    assert uris("re*") == ["real/a.png", "real/b.png"]


@pytest.mark.parametrize("name", ["shot[1].png", "all*.png", "why?.png"])
def test_a_file_of_that_name_wins_over_the_pattern(name: str, here: Path) -> None:
    (here / name).write_bytes(b"")
    (here / "shot1.png").write_bytes(b"")
    (here / "alley.png").write_bytes(b"")
    (here / "whys.png").write_bytes(b"")
    assert uris(name) == [name]


def test_a_broken_link_wins_over_the_pattern_too(here: Path) -> None:
    os.symlink("nowhere", here / "[ab].png")
    (here / "a.png").write_bytes(b"")
    assert uris("[ab].png") == ["[ab].png"]


def test_a_pattern_without_a_match_is_a_row(here: Path) -> None:
    (one,) = inputs_of(["holiday/*.png"])
    assert one.sample.uri == "holiday/*.png"
    assert refusal(one).startswith("holiday/*.png: no file or folder matches this pattern; expected one or more")


def test_a_folder_that_cannot_be_walked_is_a_row(here: Path) -> None:
    (here / "empty").mkdir()
    (here / "odd" / "real" / "fake").mkdir(parents=True)
    (here / "odd" / "real" / "fake" / "a.png").write_bytes(b"")
    first, second, third = inputs_of(["empty", "odd", "real/a.png"])
    assert "'empty' holds no visible file" in refusal(first)
    assert "'real' and 'fake' tell two labels" in refusal(second)
    assert third.error is None


def test_labels_come_from_folders_as_ever(here: Path) -> None:
    assert [one.sample.label for one in inputs_of([here])] == [None, None, 0, 0]


def test_no_path_is_an_error() -> None:
    with pytest.raises(DataError, match="got no path, expected pictures, folders of pictures or patterns"):
        inputs_of([])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a.png\nb c.png\n", ["a.png", "b c.png"]),
        (b"a.png\r\n\r\n  \nb.png", ["a.png", "b.png"]),
        (b"two\nlines.png\0b.png\0", ["two\nlines.png", "b.png"]),
        (b"\xff.png\n", ["\udcff.png"]),
        (b"", []),
    ],
)
def test_a_list_takes_the_place_of_a_dash(data: bytes, expected: list[str]) -> None:
    assert listed(["first", "-", "last"], io.BytesIO(data)) == ["first", *expected, "last"]


def test_without_a_dash_nothing_is_read() -> None:
    stream = io.BytesIO(b"a.png\n")
    assert listed(["./-", "b.png"], stream) == ["./-", "b.png"]
    assert stream.tell() == 0

"""Paths, folders and patterns: every name becomes its rows, in order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unprompt.errors import DataError, UnreadablePicture
from unprompt.types import Sample
from unprompt.workflows.prediction.inputs import Input, Inputs, iter_inputs


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """real/a.png real/b.png deep/er/c.png deep/er/d.txt, the working directory."""
    for name in ("real/a.png", "real/b.png", "deep/er/c.png", "deep/er/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def uris(*paths: str | Path) -> list[str]:
    return [one.sample.uri for one in list(iter_inputs(paths))]


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
    (one,) = list(iter_inputs(["holiday/*.png"]))
    assert one.sample.uri == "holiday/*.png"
    assert refusal(one).startswith("holiday/*.png: no file or folder matches this pattern; expected one or more")


def put(*paths: str) -> None:
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_an_empty_folder_is_a_row(here: Path) -> None:
    (here / "empty" / "in").mkdir(parents=True)
    first, second = list(iter_inputs(["empty", "real/a.png"]))
    assert "'empty' holds no visible file" in refusal(first)
    assert second.error is None


def test_a_folder_that_is_not_readable_is_one_row_and_the_rest_is_judged(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("real/b/c.png", "real/d/e.png")
    plain = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for name in ("real", "real/**", "real/**/*.png"):
        found = {one.sample.uri: one for one in list(iter_inputs(name))}
        assert set(found) == {"real/a.png", "real/b.png", "real/b", "real/d/e.png"}
        assert "the folder 'real/b' cannot be read" in refusal(found["real/b"])
        assert "Permission denied" in refusal(found["real/b"])
        assert [one for one in found.values() if one.error is not None] == [found["real/b"]]
    assert [one.sample.uri for one in list(iter_inputs("real/b"))] == ["real/b"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_without_permissions_is_one_row(here: Path) -> None:
    put("real/b/c.png")
    (here / "real/b").chmod(0)
    try:
        assert [one.error is None for one in list(iter_inputs("real"))] == [True, True, False]
    finally:
        (here / "real/b").chmod(0o700)


@pytest.mark.parametrize(("folder", "words"), [("real/ai", "two labels"), ("train/real/test", "two splits")])
def test_where_names_contradict_one_another_the_truth_is_unknown(
    folder: str, words: str, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(f"{folder}/x.png", f"{folder}/y.png", f"{folder}/z/w.png")
    found = {one.sample.uri: one for one in list(iter_inputs("."))}
    assert found["./real/a.png"].sample.label == 0
    for name in ("x.png", "y.png", "z/w.png"):
        assert found[f"./{folder}/{name}"] == Input(Sample(f"./{folder}/{name}"))
    assert len(caplog.messages) == 2
    assert f"./{folder}/x.png: its folders" in caplog.messages[0]
    assert words in caplog.messages[0]


def test_a_name_that_is_no_utf_8_is_an_input_as_any_other(here: Path) -> None:
    (here / os.fsdecode(b"real/\xff.png")).write_bytes(b"")
    assert uris("real") == ["real/a.png", "real/b.png", "real/\udcff.png"]
    assert uris("real/*.png")[-1] == "real/\udcff.png"


@pytest.mark.parametrize("pattern", ["a", "**/*.png", "a/**", "a/**/*.png", "?/**/[a-z].png"])
def test_links_in_circles_are_followed_once(pattern: str, here: Path) -> None:
    put("a/x.png", "b/y.png", "c/z.png")
    for one in "abc":
        for other in set("abc") - {one}:
            os.symlink(f"../{other}", f"{one}/to_{other}")
    names = [Path(uri).name for uri in uris(pattern) if Path(uri).parts[0] in ("a", "b", "c")]
    assert sorted(set(names)) == ["x.png", "y.png", "z.png"]
    if not pattern.startswith("?"):  # which names three folders to begin at
        assert len(names) == 3


def test_what_a_system_leaves_behind_is_no_match(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    put("real/Thumbs.db")
    assert uris("real", "real/*") == ["real/a.png", "real/b.png"] * 2
    assert caplog.messages == [f"{name}: skipped 1 file of the system (Thumbs.db)" for name in ("real", "real/*")]
    assert uris("real/Thumbs.db") == ["real/Thumbs.db"]


def test_a_folder_is_listed_while_its_pictures_are_taken(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed_folders, plain = [], os.scandir

    def scandir(path: str) -> object:
        listed_folders.append(str(path))
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = iter_inputs(["gone.png", "real", "deep"])
    assert (next(found).sample.uri, listed_folders) == ("gone.png", [])
    assert (next(found).sample.uri, listed_folders) == ("real/a.png", ["real"])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a.png",
        "https://example.org/a.png?size=*",
        "HTTPS://example.org/a.png#page=2",
        "file:///tmp/a.png",
        "s3://bucket/a.png",
        "https:/example.org/a.png",
        "data:image/png;base64,AAAA",
    ],
)
def test_a_url_is_refused_in_words(url: str) -> None:
    (one,) = list(iter_inputs([url]))
    assert (
        refusal(one)
        == f"{url}: URLs are not fetched unless --allow-urls says so: add it, or download the picture and give its path"
    )


@pytest.mark.parametrize("name", ["real/a.png#page=2", "real/a.png#top", "gone.tif#page=2", "real/a.png#bytes=1-2"])
def test_a_fragment_is_refused_in_words(name: str, here: Path) -> None:
    (one,) = list(iter_inputs([name]))
    assert refusal(one).startswith(f"{name}: '#{name.rpartition('#')[2]}' names a part of a file; expected its path")


@pytest.mark.parametrize("name", ["holiday #3.png", "real/#3.png", "real/a.png#page=2", "http:", "s3:", "#bytes=0+5"])
def test_a_file_of_that_name_is_none(name: str, here: Path) -> None:
    put(name)
    assert list(iter_inputs(name)) == [Input(Sample(name))]
    (here / name).unlink()
    if name != "real/a.png#page=2":
        assert list(iter_inputs(name)) == [Input(Sample(name))]


ODD = [
    "x" * 300,
    "x" * 300 + "*",
    "d/" * 3000,
    "a\0b.png",
    "a\0b/*.png",
    "\ud800/*.png",
    "\ud800.png",
    "**/none",
    "[",
    "",
]


@given(st.lists(st.sampled_from(ODD) | st.text(max_size=20).map("none/".__add__), min_size=1))
def test_every_name_is_a_row_whatever_it_is(names: list[str]) -> None:
    found = list(iter_inputs(names))
    assert [one.sample.uri for one in found] == names
    assert all(isinstance(one.read(), UnreadablePicture) for one in found)


def test_labels_come_from_folders_as_ever(here: Path) -> None:
    assert [one.sample.label for one in list(iter_inputs([here]))] == [None, None, 0, 0]


def test_no_path_is_an_error() -> None:
    with pytest.raises(DataError, match="got no path, expected pictures, folders of pictures or patterns"):
        iter_inputs([])


def test_inputs_are_counted(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").touch()
    assert len(Inputs([tmp_path, "gone.png"])) == 4

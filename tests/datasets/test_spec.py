"""Which loader a specification means."""

import json
import os
import re

import pytest

from unprompt.datasets import NAMES, load
from unprompt.errors import DataError
from unprompt.types import Sample


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with ``pictures/real/a.png`` and ``list.csv``."""
    monkeypatch.chdir(tmp_path)
    os.makedirs("pictures/real")
    (tmp_path / "pictures/real/a.png").write_bytes(b"any")
    (tmp_path / "list.csv").write_text("path,label\npictures/real/a.png,0\n")
    return tmp_path


@pytest.mark.parametrize("spec", ["folder:pictures", "manifest:list.csv", "pictures", "list.csv"])
def test_named_and_bare(folder, spec):
    assert load(spec) == [Sample("pictures/real/a.png", 0)]


@pytest.mark.parametrize("spec", ["genimages:root", "little:", "none", "notes.txt", "", ":"])
def test_an_unknown_one_lists_the_known(folder, spec):
    known = ", ".join(f"{name}:" for name in NAMES)
    words = f"got data specification '{spec}'; expected one that starts with {known}, the path of a"
    with pytest.raises(DataError, match=re.escape(words)):
        load(spec)


def test_a_folder_with_a_colon_in_its_name_is_a_folder(folder):
    (folder / "pictures").rename(folder / "2024:05")
    assert load("2024:05") == [Sample("2024:05/real/a.png", 0)]


def test_the_loaders_own_errors_come_through(folder):
    with pytest.raises(DataError, match=r"got 'none' as data folder; expected a folder that exists"):
        load("folder:none")
    with pytest.raises(DataError, match=r"got 'none\.csv' as manifest; expected a file that exists"):
        load("none.csv")


def test_a_file_name_that_no_table_takes_is_spelled_and_told(folder, caplog):
    with open(b"pictures/real/\xff.png", "wb"):
        pass
    assert load("pictures") == [Sample("pictures/real/a.png", 0), Sample("pictures/real/\\udcff.png", 0)]
    told = "1 of 2 files have a name that is no UTF-8, such as pictures/real/\\udcff.png, and become rows with an error"
    assert caplog.messages == [f"{told}; expected UTF-8: rename them"]


def test_cells_that_no_text_holds_are_an_error(folder):
    cells = {"path": "a.png", "label": 1, "generator": "\ud800g", "content": "\ud800c", "prompt": "\ud800p"}
    (folder / "m.json").write_text(json.dumps([cells]))
    with pytest.raises(DataError, match=r"^m\.json: cannot be read as \.json \('utf-8' codec can't encode character"):
        load("m.json")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"miniature"}))
@pytest.mark.parametrize("argument", ["x" * 300, "x" * 300 + "/train", "a\0b", "\ud800"])
def test_a_path_that_no_file_system_takes_is_a_data_error(name, argument):
    with pytest.raises(DataError, match=r"(got|looked (in|for)|the folder) '"):
        load(f"{name}:{argument}")


@pytest.mark.parametrize("name", NAMES)
def test_every_dataset_is_described_in_one_line(name):
    first, *_ = (NAMES[name].__doc__ or "").splitlines()
    assert first.endswith(".")
    assert len(first) > 40

"""Trees as people have them: what their folders' names tell."""

import os
import re

import pytest

from unprompt.datasets import load_folder
from unprompt.datasets.files import walk
from unprompt.errors import DataError
from unprompt.types import Sample


@pytest.fixture
def tree(tmp_path):
    """Makes a tree of files with the given inner paths; returns its root as text."""

    def make(*paths):
        for path in paths:
            (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / path).write_bytes(b"any")
        return str(tmp_path / "data")

    return make


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        ("a.png", (None, "", None)),
        ("holiday/a.png", (None, "", None)),
        ("real/a.png", (0, "", None)),
        ("fake/a.png", (1, "", None)),
        ("generated/a.png", (1, "", None)),
        ("0_real/a.png", (0, "", None)),
        ("1_fake/a.png", (1, "", None)),
        ("0_fake/a.png", (1, "", None)),
        ("Fakes/a.png", (1, "", None)),
        ("AI-generated/a.png", (1, "", None)),
        ("train/nature/a.png", (0, "", "train")),
        ("Midjourney/imagenet_midjourney/val/ai/a.png", (1, "Midjourney", "validation")),
        ("test/progan/airplane/1_fake/a.png", (1, "progan", "test")),
        ("progan/0_real/a.png", (0, "progan", None)),
        ("Real/coco/a.png", (0, "coco", None)),
        ("Fake/sd15/a.png", (1, "sd15", None)),
        ("Fake/validation/sd15/n0123/a.png", (1, "sd15", "validation")),
        ("faces/Fake/sd15/a.png", (1, "sd15", None)),
        ("real/real/a.png", (0, "", None)),
        ("test/holiday/a.png", (None, "", "test")),
        ("real_images/a.png", (0, "", None)),
        ("fake-faces/sd15/a.png", (1, "sd15", None)),
        ("training_fake/a.png", (1, "", "train")),
        ("test_real/a.png", (0, "", "test")),
        ("originals/a.png", (0, "", None)),
        ("aigc/sdxl/a.png", (1, "sdxl", None)),
        ("test_images/a.png", (None, "", None)),
        ("faces/a.png", (None, "", None)),
    ],
)
def test_names_of_folders_tell_label_generator_and_split(tree, path, facts):
    root = tree(path)
    assert load_folder(root) == [Sample(os.path.join(root, path), *facts)]


def test_the_name_of_the_root_tells_nothing(tree):
    assert load_folder(os.path.join(tree("real/fake/a.png"), "real"))[0].label == 1


def test_every_visible_file_in_sorted_order_whatever_its_suffix(tree):
    root = tree("b/2.jpg", "b/10.txt", "a/plain", "c.PNG", "a/.hidden.png", ".cache/a.png", "b/.git/x.png")
    uris = [os.path.relpath(sample.uri, root) for sample in load_folder(root)]
    assert uris == ["c.PNG", "a/plain", "b/10.txt", "b/2.jpg"]


def test_the_path_is_kept_as_given(tree, monkeypatch):
    monkeypatch.chdir(tree("pictures/real/a.png"))
    assert load_folder("pictures")[0].uri == "pictures/real/a.png"
    assert load_folder("./pictures/")[0].uri == "./pictures/real/a.png"


def inner(root):
    return [os.path.relpath(sample.uri, root) for sample in load_folder(root)]


def test_a_folder_that_a_link_repeats_is_met_under_its_own_name(tree, tmp_path):
    root = tree("real/a.png", "real/b.png")
    os.symlink(os.path.join(root, "real"), os.path.join(root, "nature"))
    os.symlink(root, os.path.join(root, "real", "circle"))
    os.symlink(tmp_path / "gone.png", os.path.join(root, "real", "broken.png"))
    if hasattr(os, "mkfifo"):  # not on Windows
        os.mkfifo(os.path.join(root, "real", "pipe"))
    assert inner(root) == ["real/a.png", "real/b.png", "real/broken.png"]


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_folders_that_are_linked_to_each_other_are_met_once(tree, names):
    root = tree(*(f"{name}/{name}.png" for name in names))
    for name in names:
        for other in set(names) - {name}:
            os.symlink(f"../{other}", os.path.join(root, name, f"to_{other}"))
    assert inner(root) == [f"{name}/{name}.png" for name in names]
    assert sorted(os.path.basename(path) for path in inner(os.path.join(root, "b"))) == [f"{one}.png" for one in names]


def test_of_several_links_to_a_folder_elsewhere_the_first_counts(tree, tmp_path):
    root = tree("a.png")
    (tmp_path / "elsewhere" / "in").mkdir(parents=True)
    (tmp_path / "elsewhere" / "in" / "b.png").write_bytes(b"")
    for name, target in (("z", "elsewhere"), ("fake", "elsewhere"), ("y", "elsewhere/in")):
        os.symlink(tmp_path / target, os.path.join(root, name))
    os.symlink(tmp_path, os.path.join(tmp_path, "elsewhere", "up"))
    assert inner(root) == ["a.png", "fake/in/b.png"]


def test_a_link_to_a_folder_that_is_not_entered_by_its_own_name_is_followed(tree):
    root = tree(".cache/real/a.png", "b.png")
    os.symlink(".cache/real", os.path.join(root, "shown"))
    assert inner(root) == ["b.png", "shown/a.png"]


def test_what_a_system_leaves_behind_is_skipped_and_counted(tree, caplog):
    caplog.set_level("INFO")
    root = tree("a.png", "Thumbs.db", "b/desktop.ini", "b/._c.png", "b/c.png", "__MACOSX/b/x.png", "b/.DS_Store")
    assert inner(root) == ["a.png", "b/c.png"]
    assert [line.partition(" (")[0] for line in caplog.messages] == [f"{root}: skipped 5 files of the system"]
    caplog.clear()
    assert inner(os.path.join(root, "b")) == ["c.png"]
    assert caplog.messages == [f"{root}/b: skipped 3 files of the system (.DS_Store, ._c.png, desktop.ini)"]


def test_a_folder_is_listed_when_its_files_are_asked_for(tree, monkeypatch):
    root, plain, listed = tree("a.png", "b/c.png", "d/e.png"), os.scandir, []

    def scandir(path):
        listed.append(os.path.relpath(path, root))
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)
    files = walk(root)
    assert (next(files), listed) == ("a.png", ["."])
    assert (next(files), listed) == ("b/c.png", [".", "b"])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("real/fake/a.png", "folders 'real' and 'fake' tell two labels; expected one"),
        ("1_fake/sd15/nature/a.png", "folders '1_fake' and 'nature' tell two labels; expected one"),
        ("train/real/val/a.png", "folders 'train' and 'val' tell two splits; expected one"),
    ],
)
def test_contradictory_names_are_an_error(tree, path, words):
    with pytest.raises(DataError, match=f"{re.escape(path)}: its {words}: rename a folder, or use a manifest"):
        load_folder(tree(path))


def test_contradictory_names_above_no_file_are_none(tree):
    root = tree("real/a.png")
    os.makedirs(os.path.join(root, "real", "fake"))
    assert inner(root) == ["real/a.png"]


def test_a_missing_folder_is_an_error(tree):
    root = tree("a.png")
    for path in (f"{root}/none", f"{root}/a.png", ""):
        with pytest.raises(DataError, match=f"got '{path}' as data folder; expected a folder that exists"):
            load_folder(path)


def test_an_empty_folder_is_an_error(tree):
    root = tree(".hidden")
    with pytest.raises(DataError, match=f"the folder '{root}' holds no visible file; expected pictures"):
        load_folder(root)


def test_a_folder_that_cannot_be_listed_is_an_error(tree, monkeypatch):
    root = tree("open/a.png", "shut/a.png")
    plain = os.scandir

    def scandir(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"the folder '.*shut' cannot be read \(.*Permission denied"):
        load_folder(root)

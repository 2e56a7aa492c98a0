"""The page of an audit says what was found, draws it, and lets nothing hostile through."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from unprompt.auditing import Audit, FileFacts, Item
from unprompt.errors import StoreError
from unprompt.images import encode_jpeg, encode_png, read
from unprompt.report.audit_page import write_audit
from unprompt.types import Label, Sample, Split

ATTACK = "<script>alert(1)</script>\"'&amp;"


def put(
    path: Path, label: Label | None, generator: str, seed: int, split: Split = "train", size: int = 40, jpeg: int = 0
) -> Item:
    """A picture on the disk, and the item that an audit makes of it."""
    rgb = np.random.default_rng(seed).integers(0, 256, (size, size + 8, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(rgb, jpeg) if jpeg else encode_png(rgb))
    prompt = "a cat" if label else ""
    return Item(Sample(str(path), label, generator, split, prompt=prompt), split, FileFacts.of(read(path, str(path))))


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    found = [put(tmp_path / f"in/r{number}.jpg", 0, "coco", number, size=50, jpeg=90) for number in range(6)]
    found += [put(tmp_path / f"in/f{number}.png", 1, f"sd{number % 2}", 50 + number) for number in range(6)]
    found += [put(tmp_path / "in/twin.jpg", 0, ATTACK, 50, "test")]  # the pixels of the first generated one
    gone = Sample(str(tmp_path / f"in/{ATTACK.replace('/', '')}"), 1, "sd1")
    return [*found, Item(gone, None, None, f"{gone.uri}: an empty file of 0 bytes")]


def page_of(folder: Path, items: list[Item]) -> tuple[str, str]:
    """The page as it is, and its words."""
    html = write_audit(folder, Audit.of(f"folder:{ATTACK}", items), items).read_text(encoding="utf-8")
    return html, re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL))


def test_says_what_was_found(tmp_path: Path, items: list[Item]) -> None:
    _, words = page_of(tmp_path / "out", items)
    for said in (
        "14 files of",
        "format, size and JPEG quality alone reach AUC",
        "groups of equal pictures: 1, of similar ones: 0",
        "exact across classes across splits: 2 pictures",
        "files that cannot be read as pictures: 1 of 14",
        "an empty file of 0 bytes",
        "Wrong suffixes",
        "twin.jpg",
        "coco",
        "58, 58, 58",
    ):
        assert said in words, said


def test_draws_four_plots_that_are_sound_xml(tmp_path: Path, items: list[Item]) -> None:
    html, _ = page_of(tmp_path / "out", items)
    plots = [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]
    assert [plot.get("aria-label") for plot in plots] == [
        "AUC of metadata alone for each generator",
        "Formats of each group",
        "Sizes of real and generated pictures",
        "JPEG quality of real and generated pictures",
    ]
    titles = [[title.text for title in plot.iter("title")] for plot in plots]
    assert titles[1] == ["PNG: 1", "JPEG: 6", "PNG: 3", "PNG: 3"]
    assert sorted(titles[2]) == ["48 x 40: 1 real", "48 x 40: 6 generated", "58 x 50: 6 real"]
    assert sorted(titles[3]) == ["no JPEG: 100.0% of generated", "no JPEG: 14.3% of real", "quality 90: 85.7% of real"]
    assert len(list(plots[2].iter("polygon"))) == 1  # shape tells the classes apart, not colour alone
    for plot in plots:
        for mark in plot.iter():
            for name in ("x", "y", "cx", "cy", "width", "height"):
                assert mark.get(name) is None or -1 <= float(mark.get(name, "0")) < 2000


def test_shows_the_copies(tmp_path: Path, items: list[Item]) -> None:
    html, _ = page_of(tmp_path / "out", items)
    images = re.findall(r'<img src="([^"]+)"', html)
    assert images == ["pictures/copy-001-0.png", "pictures/copy-001-1.png"]
    assert all((tmp_path / "out" / image).is_file() for image in images)


def test_a_copy_that_is_gone_is_named_without_its_picture(tmp_path: Path, items: list[Item]) -> None:
    (tmp_path / "in/twin.jpg").unlink()
    html, words = page_of(tmp_path / "out", items)
    assert html.count("<img") == 1
    assert "twin.jpg" in words


def test_hostile_names_stay_text(tmp_path: Path, items: list[Item]) -> None:
    html, _ = page_of(tmp_path / "out", items)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_unlabelled_or_unreadable_data_have_a_page_too(tmp_path: Path) -> None:
    unknown = [put(tmp_path / f"in/{number}.png", None, "", number) for number in range(2)]
    html, words = page_of(tmp_path / "one", unknown)
    assert html.count("<svg") == 3
    assert "needs two readable pictures of each class" in words
    html, words = page_of(tmp_path / "two", [Item(Sample("a.png", 1), None, None, "a.png: an empty file")])
    assert "<svg" not in html
    assert "a.png: an empty file" in words


def test_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"taken: the report cannot be written .* name another --report"):
        write_audit(tmp_path / "taken", Audit.of("x", []), [])

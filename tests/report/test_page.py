"""The page says what it must, shows only pictures that are there, and lets nothing hostile through."""

# ruff: noqa: RUF001

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from unprompt.errors import StoreError
from unprompt.images import decode_png
from unprompt.report.page import PageWriter, write_page
from unprompt.report.report_item import LONGEST, Illustration, ReportItem, detection_figures
from unprompt.report.summary import PredictionSummary
from unprompt.scenes.render import render
from unprompt.scenes.scene import Scene
from unprompt.types import Box, Label, Prediction, Verdict


class Page(HTMLParser):
    """The tags, the images and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.images: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if (tag, name) == ("img", "src"):
                self.images.append(value or "")
            elif name in ("href", "src") or name.startswith("on"):
                self.links.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", self.words)


def prediction(
    verdict: Verdict, probability: float, label: Label | None = None, caption: str = "a red ball"
) -> Prediction:
    return Prediction(
        uri=f"folder/{verdict}.jpg",
        status="ok",
        label=label,
        method="panel",
        suite="miniature",
        probability=probability,
        verdict=verdict,
        caption=caption,
        scores={"sare": 0.91, "semgir": 0.32, "tidy": 0.73, "item": 0.14},
        width=64,
        height=48,
        format="JPEG",
        quality=92,
    )


def item(row: Prediction, seed: int = 0, boxes: tuple[Box, ...] = ()) -> ReportItem[Prediction]:
    picture, other = render(Scene.sample(seed)).picture, render(Scene.sample(seed + 1)).picture
    return ReportItem(row, detection_figures(picture, other, np.abs(picture / 255 - other / 255), other, boxes))


def write(folder: Path, items: Sequence[ReportItem[Prediction]], title: str) -> Path:
    return write_page(folder, items, PredictionSummary, title)


BROKEN = Prediction("folder/cut.jpg", "error", error="folder/cut.jpg: the JPEG ends early; expected a whole file")


@pytest.fixture
def page(tmp_path: Path) -> Page:
    rows = [prediction("generated", 0.93, 1), prediction("inconclusive", 0.55, 0), prediction("real", 0.08, 1)]
    shown = [*map(item, rows), ReportItem(BROKEN)]
    path = write(tmp_path / "new" / "folder", shown, "Is this an answer?")
    assert path == tmp_path / "new" / "folder" / "index.html"
    page = Page(path)
    assert all((path.parent / image).is_file() for image in page.images)
    return page


@pytest.mark.parametrize(
    "said",
    [
        "Is this an answer?",
        "Probably generated: 93 %",
        "Inconclusive: 55 %",
        "Probably real",
        "Not judged",
        "the JPEG ends early; expected a whole file",
        "In truth generated: rightly judged",
        "In truth generated: wrongly judged",
        "In truth real: left open",
        "Against the truth: 2 of 3 (67%) decided, 1 of 2 (50%) of those rightly.",
        "“a red ball”",
        "folder/generated.jpg",
        "JPEG · 64 × 48 pixels · quality about 92 · suite miniature",
        "SARE map, brightness × 2",
        "sare 0.91 semgir 0.32 tidy 0.73 item 0.14",
        "4 all pictures",
        "1 ✕ errors",
    ],
)
def test_says(page: Page, said: str) -> None:
    assert said in page.text


def test_shows_four_pictures_a_card_and_needs_nothing_else(page: Page) -> None:
    assert page.images[:4] == [
        f"pictures/001-{part}.png" for part in ("picture", "reconstruction", "map", "regeneration")
    ]
    assert len(page.images) == 12
    assert not page.links
    assert "script" not in page.tags


def test_boxes_are_drawn_on_the_picture_alone_and_named_beside_it(tmp_path: Path) -> None:
    boxes = (Box("a red ball", 0.25, 0.5, 0.5, 1.0, 0.934), Box("<b>a cone</b>", 0.0, 0.1, 0.6, 0.2, 0.4))
    wide = np.zeros((48, 64, 3), np.uint8)
    boxed = ReportItem(prediction("real", 0.1), detection_figures(wide, wide, boxes=boxes))
    path = write(tmp_path, [boxed, item(prediction("real", 0.1))], "t")
    page, source = Page(path), path.read_text()
    assert source.count("<svg") == 1
    assert '<svg class="boxes" viewBox="0 0 1000 750"' in source
    assert '<rect x="250.0" y="375.0" width="250.0" height="375.0"/>' in source
    assert source.index("001-picture.png") < source.index("<svg") < source.index("001-reconstruction.png")
    assert "a red ball 0.93 <b>a cone</b> 0.40" in page.text
    assert "<b>a cone" not in source


def test_map_is_twice_as_bright_and_pictures_are_lossless(tmp_path: Path) -> None:
    picture, other = render(Scene.sample(0)).picture, render(Scene.sample(1)).picture
    write(tmp_path, [item(prediction("real", 0.1))], "t")
    brighter = np.minimum(2 * 255 * np.abs(picture / 255 - other / 255), 255)
    stored = {name: decode_png((tmp_path / f"pictures/001-{name}.png").read_bytes()) for name in ("map", "picture")}
    np.testing.assert_allclose(stored["map"], brighter, atol=0.51)
    np.testing.assert_array_equal(stored["picture"], picture)


def test_hostile_names_captions_and_messages_stay_text(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"
    row = prediction("real", 0.1, caption=attack)
    hostile = Prediction(**{**vars(row), "uri": f"{attack}\u202egnp\udc80", "warnings": (attack,)})
    path = write(tmp_path, [item(hostile), ReportItem(Prediction(attack, "error", error=attack))], attack)
    page = Page(path)
    assert "script" not in page.tags
    assert not page.links
    assert len(page.images) == 4
    assert page.text.count(attack) == 7
    assert r"\u202egnp\udc80" in page.text


def test_probability_that_is_withheld_leaves_the_members_bars(tmp_path: Path) -> None:
    row = Prediction("a", "ok", method="panel", verdict="inconclusive", scores={"sare": 0.25}, warnings=("far away",))
    text = Page(write(tmp_path, [ReportItem(row)], "t")).text
    assert "Warning: far away" in text
    assert "Probability of generated sare 0.25" in text
    assert "panel" not in text


def test_what_each_method_adds_is_drawn_to_either_side(tmp_path: Path) -> None:
    shown = ReportItem(prediction("real", 0.1), contributions={"sare": -2.5, "item": 1.25, "constant": 0.0})
    path = write(tmp_path, [shown, item(prediction("real", 0.1))], "t")
    source = path.read_text()
    assert source.count("What each method adds to the logit of the panel") == 1
    assert "sare -2.50 item +1.25 constant +0.00" in Page(path).text
    assert '<div style="--share: -1.0000" class="towards-real">' in source
    assert '<div style="--share: 0.5000">' in source
    nothing = ReportItem(prediction("real", 0.1), contributions={"constant": 0.0})
    assert "constant +0.00" in Page(write(tmp_path, [nothing], "t")).text


def test_cards_know_their_place_by_falling_probability(tmp_path: Path) -> None:
    rows = [prediction("real", 0.1), prediction("generated", 0.9), BROKEN, prediction("generated", 0.9)]
    source = write(tmp_path, list(map(ReportItem, rows)), "t").read_text()
    cards = re.findall(r'<article class="card (\w+)"(?: style="--place: (\d+)")?', source)
    assert cards == [("real", "2"), ("generated", "0"), ("error", ""), ("generated", "1")]
    assert "highest probability of generated first" in source
    assert "lowest first" not in write(tmp_path, [ReportItem(rows[0])], "t").read_text()


def test_without_pictures_it_is_one_file(tmp_path: Path) -> None:
    with PageWriter(tmp_path / "new", PredictionSummary, "t", pictures=False) as page:
        page.add(item(prediction("real", 0.1)))
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["index.html"]
    assert not Page(page.path).images
    assert "Probably real" in Page(page.path).text


def test_long_pictures_are_shown_smaller(tmp_path: Path) -> None:
    long = Illustration.of("picture", "The picture", np.zeros((5, 3000, 3), np.uint8))
    path = write(tmp_path, [ReportItem(prediction("real", 0.1), (long,))], "t")
    assert decode_png((tmp_path / "pictures/001-picture.png").read_bytes()).shape == (1, LONGEST, 3)
    assert 'class="tiny"' not in path.read_text()


def test_no_pictures(tmp_path: Path) -> None:
    page = Page(write(tmp_path, [], "t"))
    assert "No picture was given" in page.text
    assert "Against the truth" not in page.text
    assert not page.images


def test_an_end_before_the_first_card_leaves_the_page_of_before(tmp_path: Path) -> None:
    before = write(tmp_path, [ReportItem(BROKEN)], "t").read_bytes()
    with suppress(KeyboardInterrupt), PageWriter(tmp_path, PredictionSummary, "t"):
        raise KeyboardInterrupt
    assert (tmp_path / "index.html").read_bytes() == before


def test_errors_only(tmp_path: Path) -> None:
    page = Page(write(tmp_path, [ReportItem(BROKEN), ReportItem(BROKEN)], "t"))
    assert page.text.count("the JPEG ends early") == 2
    assert "2 ✕ errors" in page.text
    assert "Against the truth" not in page.text


def test_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"taken: the report cannot be written .* name another --report"):
        write(tmp_path / "taken", [], "t")


def test_same_items_same_bytes(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, [item(prediction("real", 0.1))], "t") for name in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_noise_and_duplicates_are_facts_of_a_card(tmp_path: Path) -> None:
    row = replace(prediction("real", 0.2), spread=0.034, duplicate_of="folder/first.jpg")
    page = Page(write(tmp_path, [ReportItem(row)], "title"))
    assert "suite miniature · moves by ±0.03 with the noise · the same pixels as folder/first.jpg" in page.text

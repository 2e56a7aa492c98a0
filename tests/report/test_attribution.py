"""The page of attribute: each picture, every candidate's drawing, the answer in words, against the truth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from unprompt.errors import StoreError
from unprompt.report.attribution import AttributionSummary
from unprompt.report.page import write_page
from unprompt.report.report_item import ReportItem, attribution_figures
from unprompt.scenes.render import render
from unprompt.scenes.scene import Scene
from unprompt.types import NONE_OF_THESE, Attribution

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The images, the classes of the cards and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.images: list[str] = []
        self.cards: list[str] = []
        self.text = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        if tag == "img":
            self.images.append(found["src"] or "")
        if tag == "article":
            self.cards.append(found["class"] or "")

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def item(answer: str, truth: str | None, scores: tuple[float, float], name: str = "sibling") -> ReportItem[Attribution]:
    row = Attribution(
        uri=f"folder/{answer}.jpg",
        status="ok",
        truth=truth,
        suite="miniature",
        generator=answer,
        scores={"diffusion": scores[0], name: scores[1]},
        caption="a red ball",
        width=64,
        height=48,
        format="JPEG",
        quality=92,
    )
    first, second, third = (render(Scene.sample(seed)).picture for seed in range(3))
    return ReportItem(row, attribution_figures(first, {"diffusion": second, name: third}))


def write(folder: Path, items: Sequence[ReportItem[Attribution]], title: str) -> Path:
    return write_page(folder, items, AttributionSummary, title)


BROKEN = ReportItem(Attribution("folder/cut.jpg", "error", error="the JPEG ends early", truth="flow"))
SHOWN = [
    item("sibling", "sibling", (0.11, 0.93)),
    item("diffusion", "flow", (0.71, 0.32)),
    item(NONE_OF_THESE, "real", (0.14, 0.24)),
    item("diffusion", None, (0.6, 0.1)),
    BROKEN,
]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    path = write(tmp_path / "new" / "folder", SHOWN, "Whose answer?")
    page = Page(path)
    assert path == tmp_path / "new" / "folder" / "index.html"
    assert all((path.parent / image).is_file() for image in page.images)
    return page


@pytest.mark.parametrize(
    "said",
    [
        "Whose answer?",
        "Probably made by sibling: 0.93",
        "Probably made by diffusion: 0.71",
        "None of these: neither diffusion nor sibling",
        "Not attributed",
        "the JPEG ends early",
        "In truth sibling: rightly answered",
        "In truth flow, no candidate: wrongly answered",
        "In truth real: rightly answered",
        "Against the truth: 2 of 3 (67%) rightly answered.",
        "“a red ball”",
        "JPEG · 64 × 48 pixels · quality about 92 · suite miniature",  # noqa: RUF001
        "Probability of having made it sibling 0.93 diffusion 0.11",
        "Drawn by diffusion, from the caption alone",
        "5 all pictures",
        "2 ◆ diffusion",
        "1 ○ none of these",
        "1 ✕ errors",
        "in truth flow 1 0 0 1",
    ],
)
def test_says(page: Page, said: str) -> None:
    assert said in page.text


def test_shows_the_picture_and_every_candidates_drawing(page: Page) -> None:
    assert page.images[:3] == [f"pictures/001-{part}.png" for part in ("picture", "candidate-1", "candidate-2")]
    assert len(page.images) == 12
    assert page.cards == [f"card {kind}" for kind in ("candidate-1", "candidate-0", "none", "candidate-0", "error")]
    assert "body:has(#show-candidate-1:checked) .card:not(.candidate-1)" in page.source
    assert "script" not in page.tags


def test_what_the_heads_say_of_a_picture_from_outside_is_not_the_answer(tmp_path: Path) -> None:
    far = item(NONE_OF_THESE, None, (0.9, 0.2))
    text = Page(write(tmp_path, [far], "t")).text
    answer, bars = "None of these: see the warning", "What the method would say of each if the picture were by one"
    assert -1 < text.find(answer) < text.find(bars)
    assert "Probability of having made it" not in text
    assert "Against the truth" not in text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    hostile = item(HOSTILE, HOSTILE, (0.1, 0.9), HOSTILE)
    page = Page(write(tmp_path, [hostile], HOSTILE))
    assert "script" not in page.tags
    assert len(page.images) == 3
    assert page.text.count(HOSTILE) >= 5


@pytest.mark.parametrize("shown", [[], [BROKEN]])
def test_pages_without_an_answer(tmp_path: Path, shown: list[ReportItem[Attribution]]) -> None:
    page = Page(write(tmp_path, shown, "t"))
    assert ("No picture was given" in page.text) == (not shown)
    assert "Against the truth" not in page.text


def test_a_single_candidate_and_same_bytes(tmp_path: Path) -> None:
    one = Attribution("a", "ok", generator=NONE_OF_THESE, scores={"sd15": 0.2})
    drawn = {"sd15": np.zeros((4, 4, 3), np.uint8)}
    shown = ReportItem(one, attribution_figures(np.zeros((5, 9, 3), np.uint8), drawn))
    paths = [write(tmp_path / name, [shown], "t") for name in "ab"]
    assert "None of these: not sd15" in Page(paths[0]).text
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"taken: the report cannot be written .* name another --report"):
        write(tmp_path / "taken", [], "t")


def test_the_truth_may_go_by_another_of_the_candidates_names() -> None:
    row = Attribution("a.png", "ok", truth="stable_diffusion_v_1_5", generator="sd-v1-5", scores={"sd-v1-5": 0.9})
    assert AttributionSummary.truth_words(row) == "In truth stable_diffusion_v_1_5: rightly answered"
    assert AttributionSummary([row]).truth_line().endswith("rightly answered")

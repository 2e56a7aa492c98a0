"""What the page shows of a panel's evidence: the map over the picture, what each method adds, who made it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect

from unprompt.workflows.attribute import attribute
from unprompt.workflows.prediction.candidates import candidate_suites
from unprompt.workflows.prediction.detection import Predictor

from .asking import DRAWING, SCENE, files
from .browsing import PHONE, cards, in_browser, opened, served, violations

RAW = {"Content-Type": "application/octet-stream"}
ASK = f"Which generator made {DRAWING.name}?"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that judges by the whole panel."""
    panel = Predictor(candidate_suites("miniature", "panel"), "panel")
    with served(panel, tmp_path_factory.mktemp("panel")) as found:
        yield found


def judged(page: Page, path: Path = DRAWING) -> Any:
    """Its card."""
    page.set_input_files("#files", [path])
    cards(page, 1)
    return page.locator("#cards article")


def opacity(card: Any) -> float:
    shown = card.locator("figure[data-name=map] img:not(.below)")
    return float(shown.evaluate("image => getComputedStyle(image).opacity"))


def test_the_section_tells_what_attribute_answers(client: TestClient) -> None:
    answer = client.post("/page/attribution?name=a.jpg", content=DRAWING.read_bytes(), headers=RAW)
    (row,) = attribute(DRAWING, suite="miniature")
    assert answer.status_code == 200
    assert answer.text.count("data:image/png;base64,") == len(row.scores)
    found = dict(re.findall(r'<th scope="row">([^<]+)</th>.*?<td class="number">([^<]+)</td>', answer.text, re.DOTALL))
    assert {name: float(number) for name, number in found.items()} == pytest.approx(row.scores, abs=0.006)
    heading = "None of these" if row.generator == "none of these" else f"Probably made by {row.generator}"
    assert f"<h3>{heading}" in answer.text
    for content, status in ((b"no picture", 415), (SCENE.read_bytes()[:700], 422)):
        assert client.post("/page/attribution", content=content, headers=RAW).status_code == status
    assert client.post("/page/attribution", files=files(SCENE, DRAWING)).status_code == 400
    assert client.get("/page/about").json()["candidates"] == list(row.scores)


def test_without_an_attributor_nobody_is_asked(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.app.state.engine, "attribution", None)  # type: ignore[attr-defined]
    assert client.get("/page/about").json()["candidates"] == []
    answer = client.post("/page/attribution", content=DRAWING.read_bytes(), headers=RAW)
    assert (answer.status_code, answer.json()["type"]) == (501, "urn:unprompt:no-attribution")


@in_browser
def test_the_page_says_where_it_cannot_attribute(browser: Browser, address: str) -> None:
    page = browser.new_context().new_page()

    def without(route: Any) -> None:
        route.fulfill(json={**route.fetch().json(), "candidates": []})

    page.route("**/page/about", without)
    page.goto(address)
    card = judged(page)
    expect(page.locator("#attribution-hint")).to_have_text(
        "Which generator made a picture cannot be told here: miniature has learned none."
    )
    expect(card.get_by_role("button")).to_have_count(0)
    page.context.close()


@in_browser
def test_pictures_and_numbers_explain_a_panel(page: Page) -> None:
    card = judged(page)
    names = [one.get_attribute("data-name") for one in card.locator("figure").all()]
    assert names == ["picture", "reconstruction", "map", "regeneration"]
    numbers = card.locator(".contributions .number").all_inner_texts()
    assert card.locator(".contributions th").all_inner_texts() == ["sare", "semgir", "tidy", "item", "constant"]
    assert all(re.fullmatch(r"[+-]\d+\.\d\d", one) for one in numbers)
    bars = [one.bounding_box()["width"] for one in card.locator(".contributions .bar div").all()]
    assert max(bars) - min(bars) < 1


@in_browser
def test_the_map_lies_over_the_picture_as_much_as_the_slider_says(page: Page) -> None:
    card = judged(page)
    slider = card.get_by_role("slider", name="Map over the picture")
    assert opacity(card) == 0.6
    slider.focus()
    page.keyboard.press("End")
    assert opacity(card) == 1
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert opacity(card) == 0.05
    expect(slider).to_have_attribute("aria-valuetext", "5 %")
    under, over = (
        card.locator(f"figure[data-name=map] img{kind}").bounding_box() for kind in (".below", ":not(.below)")
    )
    assert under == over


@in_browser
@pytest.mark.parametrize("options", [{"color_scheme": "light"}, {"color_scheme": "dark", "viewport": PHONE}])
def test_who_made_it_is_asked_by_a_button(options: dict[str, Any], browser: Browser, address: str) -> None:
    page = opened(browser, address, **options)
    card = judged(page)
    held: list[Any] = []
    page.route("**/page/attribution*", lambda route: held.append(route))
    page.get_by_role("button", name=ASK).press("Enter")
    page.get_by_role("progressbar", name=f"Progress of the question about {DRAWING.name}").wait_for()
    expect(card.locator(".ask [role=status]")).to_have_text(re.compile(r"The candidates draw, \d+ s…"))
    assert violations(page) == []
    held[0].continue_()
    section = page.get_by_role("region", name="Which generator?")
    expect(section.locator("figure")).to_have_count(2)
    expect(section.locator("h3")).to_have_text(re.compile("None of these|Probably made by"))
    expect(page.get_by_role("button", name=ASK)).to_have_count(0)
    assert page.evaluate("document.activeElement.matches('section.attribution')")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]
    page.context.close()


@in_browser
def test_why_nobody_answered_is_told_and_can_be_asked_again(page: Page) -> None:
    card = judged(page)
    page.route("**/page/attribution*", lambda route: route.fulfill(status=503, json={"detail": "256 pictures wait"}))
    page.get_by_role("button", name=ASK).click()
    expect(card.locator(".ask [role=status]")).to_have_text("256 pictures wait")
    page.unroute("**/page/attribution*")
    page.get_by_role("button", name=ASK).click()
    page.get_by_role("region", name="Which generator?").wait_for()


@in_browser
def test_copies_keep_what_works_there(page: Page, tmp_path: Path) -> None:
    page.set_input_files("#files", [SCENE, DRAWING])
    cards(page, 2)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Compare the two chosen").click()
    copy = page.get_by_role("dialog").locator("article").first
    copy.get_by_role("slider").press("End")
    assert opacity(copy) == 1
    expect(copy.get_by_role("button")).to_have_count(0)
    page.keyboard.press("Escape")
    with page.expect_download() as loading:
        page.get_by_role("button", name="Download the report").click()
    loading.value.save_as(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "Which generator?" not in text.partition("<main>")[2]
    assert "<input" not in text
    page.goto((tmp_path / "report.html").as_uri())
    assert opacity(page.locator("article").first) == 1

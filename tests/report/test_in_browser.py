"""A report in a real browser: pictures come as they are scrolled to, and cards are filtered and ordered by styles."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from unprompt.report.page import write_page
from unprompt.report.report_item import ReportItem, detection_figures
from unprompt.report.summary import PredictionSummary
from unprompt.types import Prediction

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the program chromium: apt-get install chromium")
PROBABILITIES = [0.5, None, *np.linspace(0.95, 0.05, 38)]
"""Of the cards, in the order given; None = an error."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = write_page(tmp_path_factory.mktemp("report"), map(item, PROBABILITIES), PredictionSummary, "A report")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 700})
        page.goto(path.as_uri())
        yield page
        browser.close()


def item(probability: float | None) -> ReportItem[Prediction]:
    if probability is None:
        return ReportItem(Prediction("broken", "error", "broken: no picture"))
    verdict = "generated" if probability > 0.7 else "real" if probability < 0.3 else "inconclusive"
    row = Prediction(f"{probability:.3f}", "ok", method="item", probability=probability, verdict=verdict)  # type: ignore[arg-type]
    return ReportItem(row, detection_figures(np.full((64, 64, 3), 255 * probability, np.uint8)))


def shown(page: Page) -> list[str]:
    """The names of the cards that can be seen, from above."""
    return page.evaluate("""() => [...document.querySelectorAll("article")]
        .filter((card) => getComputedStyle(card).display !== "none")
        .map((card) => [card.getBoundingClientRect(), card.querySelector("code").textContent])
        .sort(([a], [b]) => a.top - b.top || a.left - b.left).map(([, name]) => name)""")


def until(page: Page, told: str) -> None:
    """Wait for what an expression says; the page's own policy keeps playwright from waiting within it."""
    for _ in range(600):
        if page.evaluate(told):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not within 30 s: {told}")


def names(*probabilities: float | None) -> list[str]:
    return ["broken" if one is None else f"{one:.3f}" for one in probabilities]


def test_pictures_are_loaded_as_they_are_scrolled_to(page: Page) -> None:
    loaded = "[...document.images].filter((image) => image.naturalWidth).length"
    until(page, f"{loaded} > 0")
    assert page.evaluate(loaded) < len(PROBABILITIES) - 1
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    until(page, "[...document.images].at(-1).naturalWidth === 64")
    page.evaluate("window.scrollTo(0, 0)")


def test_cards_are_ordered_and_filtered(page: Page) -> None:
    numbers = sorted(one for one in PROBABILITIES if one is not None)
    assert shown(page) == names(*PROBABILITIES)
    page.get_by_label("highest probability of generated first").check()
    assert shown(page) == names(*reversed(numbers), None)
    page.get_by_label("lowest first").check()
    assert shown(page) == names(*numbers, None)
    page.locator("#show-generated").focus()
    page.keyboard.press("Space")
    assert shown(page) == names(*(one for one in numbers if one > 0.7))
    page.locator("#show-all").check(force=True)
    page.get_by_label("as given").check()
    assert shown(page) == names(*PROBABILITIES)


def test_a_screen_reader_finds_its_way(page: Page) -> None:
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []

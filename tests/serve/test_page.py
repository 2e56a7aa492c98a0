"""The page, in a real browser: what it shows, by mouse and by keyboard, in both schemes, on a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image, PngImagePlugin
from playwright.sync_api import Browser, Page, expect

from unprompt.serve.database import connect
from unprompt.serve.keys import KeyStore
from unprompt.workflows.prediction.detection import Predictor

from .asking import DRAWING, SCENE, files
from .browsing import PHONE, cards, in_browser, opened, served, violations
from .test_rows import as_served

RAW = {"Content-Type": "application/octet-stream"}


def test_a_card_is_the_verdict_of_detect(client: TestClient) -> None:
    answer = client.post("/page/card?name=%3Cb%3E.jpg", content=SCENE.read_bytes(), headers=RAW)
    assert answer.status_code == 200
    assert f'class="card {as_served(SCENE)["verdict"]}"' in answer.text
    assert "&lt;b&gt;.jpg" in answer.text
    assert answer.text.count("data:image/png;base64,") == 1
    assert (
        client.post("/page/card", files=files(SCENE, DRAWING)).json()["detail"].startswith("got 2 pictures, expected")
    )
    bad = client.post("/page/card?name=bad.png", content=b"no picture", headers=RAW)
    assert "Not judged" in bad.text
    assert "bad.png: not a picture: 10 bytes" in bad.text


def test_examples_are_those_of_the_suite_and_no_other_file(client: TestClient) -> None:
    about = client.get("/page/about").json()
    assert (about["suites"], about["method"], about["max_bytes"]) == (["miniature"], "item", 20_000_000)
    assert len(about["examples"]) == 6
    for name in about["examples"]:
        assert client.get(f"/page/examples/{name}").headers["content-type"] == "image/jpeg"
    for name in ("miniature/golden.json", "miniature/../golden.json", "miniature/%2e%2e/suite.toml", "/etc/passwd"):
        assert client.get(f"/page/examples/{name}").status_code == 404


def test_the_page_may_load_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    texts = [page.text, *(client.get(f"/page/static/{name}").text for name in ("page.js", "upload.js", "page.css"))]
    assert not any(re.search(r"(?:src|href|url\()\s*=?\s*[\"']?(?:https?:)?//", text) for text in texts)


@pytest.fixture(scope="module")
def address(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service on a port of its own, with a database beside it."""
    with served(predictor, tmp_path_factory.mktemp("served")) as found:
        yield found


@in_browser
def test_from_a_picture_to_a_verdict(page: Page) -> None:
    held: list[Any] = []
    page.route("**/page/card*", lambda route: held.append(route))
    page.set_input_files("#files", [SCENE, DRAWING])
    bar = page.get_by_role("progressbar", name="Progress of scene-00.jpg")
    bar.wait_for()
    expect(page.locator("#status")).to_have_text("0 of 2 judged…")
    while len(held) < 2:
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    cards(page, 2)
    expect(page.locator("#status")).to_have_text("2 of 2 judged.")
    expect(page.locator("#queue li")).to_have_count(0)
    card = page.locator("article", has_text="scene-00.jpg")
    words = {"real": "Probably real", "generated": "Probably generated", "inconclusive": "Inconclusive"}
    expect(card.locator("h2")).to_contain_text(words[as_served(SCENE)["verdict"]])
    expect(card.locator(".scale")).to_have_attribute("aria-label", re.compile(r"%; inconclusive from \d+ to \d+ %"))
    expect(card.get_by_text("The threshold is set").or_(card.get_by_text("Too much like both"))).to_have_count(1)
    expect(card.get_by_alt_text("The picture")).to_be_visible()


@in_browser
def test_errors_are_told_and_can_be_tried_again(page: Page, tmp_path: Path) -> None:
    text, large = tmp_path / "text.png", tmp_path / "large.png"
    text.write_text("no picture")
    large.write_bytes(bytes(20_000_001))
    page.set_input_files("#files", [text, large])
    cards(page, 1)
    expect(page.locator("#cards")).to_contain_text("text.png: not a picture: 10 bytes beginning with")
    expect(page.get_by_role("alert")).to_have_text("It has 20.0 MB; at most 20.0 MB are taken.")
    page.route("**/page/card*", lambda route: route.fulfill(status=503, json={"detail": "256 pictures wait already"}))
    page.set_input_files("#files", [SCENE])
    expect(page.get_by_role("alert").last).to_have_text("256 pictures wait already")
    page.unroute("**/page/card*")
    page.get_by_role("button", name="Try scene-00.jpg again").click()
    cards(page, 2)


@in_browser
def test_a_picture_that_is_pasted_or_dropped(page: Page) -> None:
    send = """async ([type, target]) => {
        const image = document.querySelector("#examples img");
        const data = new DataTransfer();
        data.items.add(new File([await (await fetch(image.src)).blob()], `${type}.jpg`, { type: "image/jpeg" }));
        const options = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
        const event = type === "paste" ? new ClipboardEvent(type, options) : new DragEvent(type, options);
        document.querySelector(target).dispatchEvent(event);
    }"""
    page.evaluate(send, ["paste", "body"])
    cards(page, 1)
    page.evaluate(send, ["drop", "#drop"])
    cards(page, 2)
    expect(page.locator("article", has_text="paste.jpg")).to_have_count(1)
    expect(page.locator("article", has_text="drop.jpg")).to_have_count(1)


@in_browser
def test_by_keyboard_alone(page: Page) -> None:
    def focus(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"no {selector} was reached by the tabulator key")

    focus("#files")
    for number in (1, 2):
        focus("#examples button")
        page.keyboard.press("Enter")
        cards(page, number)
    for _ in range(2):
        focus(".choose input:not(:checked)")
        page.keyboard.press("Space")
    page.locator("#results").focus()
    page.keyboard.press("Shift+Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.id") == "compare":
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("dialog").locator("article")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "compare"


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_finds_its_way(scheme: Any, browser: Browser, address: str) -> None:
    page = opened(browser, address, color_scheme=scheme)
    assert violations(page) == []
    page.set_input_files("#files", [SCENE, DRAWING])
    cards(page, 2)
    page.locator("#help summary").click()
    assert violations(page) == []
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Compare the two chosen").click()
    assert violations(page) == []
    page.context.close()


@in_browser
def test_on_a_phone_nothing_is_cut(browser: Browser, address: str, tmp_path: Path) -> None:
    named = tmp_path / f"{'long' * 40}.jpg"
    shutil.copy(SCENE, named)
    page = opened(browser, address, viewport=PHONE, has_touch=True, is_mobile=True)
    page.set_input_files("#files", [named, DRAWING])
    cards(page, 2)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Compare the two chosen").tap()
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= PHONE["width"]
    page.context.close()


@in_browser
def test_what_a_file_says_stands_apart_from_the_verdict(page: Page, tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a red ball\nSteps: 20, Sampler: Euler a, Seed: 1")
    pixels = np.asarray(Image.open(SCENE))
    Image.fromarray(pixels).save(tmp_path / "noted.png", pnginfo=info)
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    page.set_input_files("#files", [tmp_path / "noted.png", tmp_path / "plain.png"])
    cards(page, 2)
    noted, plain = (page.locator("article", has_text=name) for name in ("noted.png", "plain.png"))
    expect(noted.locator(".provenance")).to_contain_text("a web interface of Stable Diffusion writes into the pictures")
    expect(noted.locator(".provenance")).to_contain_text("Steps: 20, Sampler: Euler a, Seed: 1")
    expect(plain.locator(".provenance")).to_contain_text("Nothing. Most sites and programs remove such notes")
    assert noted.locator(".gauge").inner_text() == plain.locator(".gauge").inner_text()


@in_browser
def test_the_report_is_one_file_that_needs_no_service(page: Page, browser: Browser, tmp_path: Path) -> None:
    page.set_input_files("#files", [SCENE])
    cards(page, 1)
    with page.expect_download() as loading:
        page.get_by_role("button", name="Download the report").click()
    assert re.fullmatch(r"unprompt-[\d-]{16}\.html", loading.value.suggested_filename)
    loading.value.save_as(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert not re.search(r"<script|<link|src=\"(?!data:)", text)
    read = browser.new_context(offline=True, java_script_enabled=False).new_page()
    read.goto((tmp_path / "report.html").as_uri())
    expect(read.locator("article h2")).to_have_text(page.locator("article h2").inner_text())
    assert read.locator("article img").first.bounding_box()["height"] > 50  # type: ignore[index]
    read.context.close()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#cards article")).to_have_count(0)


@in_browser
def test_a_key_is_asked_for_where_there_is_one(
    browser: Browser, predictor: Predictor, tmp_path_factory: pytest.TempPathFactory, address: str, page: Page
) -> None:
    store = KeyStore(connect(f"sqlite:///{next(tmp_path_factory.getbasetemp().glob('served*')) / 'service.db'}"))
    key = store.add("desk")
    try:
        page.set_input_files("#files", [SCENE])
        page.get_by_label("This service asks for a key").fill(key)
        page.get_by_role("button", name="Use it").click()
        cards(page, 1)
        assert violations(page) == []
    finally:
        store.remove("desk")


@in_browser
def test_all_that_it_asks_for_is_here(browser: Browser, address: str) -> None:
    asked: list[str] = []
    page = browser.new_context().new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.locator("#examples button").first.click()
    cards(page, 1)
    assert len(asked) > 8
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    page.context.close()

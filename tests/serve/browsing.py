"""The page in a real browser: where it is served, how it is opened, what a screen reader would miss."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from unprompt.serve.app import create_app
from unprompt.serve.database import connect
from unprompt.workflows.prediction.detection import Predictor

PHONE = {"width": 360, "height": 740}
CHROMIUM = shutil.which("chromium")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs the program chromium: apt-get install chromium")


@contextmanager
def served(predictor: Predictor, folder: Path) -> Iterator[str]:
    """The address of a service on a port of its own, with a database in a folder."""
    app = create_app(predictor, connect(f"sqlite:///{folder / 'service.db'}"))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started or app.state.engine.state:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def opened(browser: Browser, address: str, **options: Any) -> Page:
    """The page in a window of its own."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.locator("#examples li").first.wait_for()
    return page


def cards(page: Page, number: int) -> None:
    """Wait for so many cards."""
    expect(page.locator("#cards article")).to_have_count(number, timeout=60_000)


def violations(page: Page) -> list[str]:
    """The rules of axe-core that the page breaks."""
    return [one["id"] for one in Axe().run(page).response["violations"]]

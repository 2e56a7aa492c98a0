"""The service around the embedded suite, started once for all tests of its routes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, sync_playwright

from unprompt.serve.app import create_app
from unprompt.serve.database import connect
from unprompt.serve.limits import ServiceLimits
from unprompt.workflows.prediction.candidates import candidate_suites
from unprompt.workflows.prediction.detection import Predictor

from .asking import METHOD, Serving
from .browsing import CHROMIUM, opened


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    """One for all, whose models are loaded once; no test changes it."""
    return Predictor(candidate_suites("miniature", METHOD), METHOD)


@pytest.fixture
def serving(predictor: Predictor, tmp_path: Path) -> Serving:
    """A context of a service of its own, with its limits, asked from an address of ``client``."""

    @contextmanager
    def serve(client: str = "127.0.0.1", ready: bool = True, hosts: Any = (), **limits: Any) -> Iterator[TestClient]:
        database = connect(f"sqlite:///{tmp_path / 'service.db'}")
        app = create_app(predictor, database, ServiceLimits(**limits), hosts)
        with TestClient(app, "http://127.0.0.1", client=(client, 5), raise_server_exceptions=False) as made:
            while ready and made.get("/readyz").status_code != 200:
                time.sleep(0.05)
            yield made

    return serve


@pytest.fixture(scope="session")
def client(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client on this machine, of a service with the limits that it has by itself."""
    database = connect(f"sqlite:///{tmp_path_factory.mktemp('database') / 'service.db'}")
    with TestClient(create_app(predictor, database), "http://127.0.0.1", client=("127.0.0.1", 5)) as made:
        while made.get("/readyz").status_code != 200:
            time.sleep(0.05)
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page of a module's service, at ``address``; an error of its scripts fails the test."""
    made = opened(browser, address)
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    made.context.close()
    assert errors == []

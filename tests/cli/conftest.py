"""What is printed is laid out for a pipe, whatever terminal the tests themselves run in."""

import pytest


@pytest.fixture(autouse=True)
def _piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it

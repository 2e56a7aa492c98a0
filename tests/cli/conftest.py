"""What is printed is laid out for a pipe, whatever terminal the tests themselves run in."""

import pytest
from typer.testing import CliRunner, Result

from unprompt.cli import app


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


@pytest.fixture(autouse=True)
def _piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it

"""What is asked before a costly run, where nobody can be asked, and how models are fetched."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner

from unprompt.cli import app, output
from unprompt.errors import Unconfirmed


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ``extract`` that is costly: it begins only where there is no limit."""

    def extract(method: str, *, max_minutes: float | None = 5.0, **asked: object) -> Path:
        if max_minutes is not None:
            raise Unconfirmed("sare takes about 8.4 minutes a picture", "add --yes to go on")
        return Path("out")

    module = ModuleType("extract")
    module.extract = extract  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "unprompt.workflows.extract", module)


EXTRACT = ["extract", "sare", "--data", "folder:x", "--out", "out"]


def test_without_a_terminal_it_is_refused(asking: None) -> None:
    done = CliRunner().invoke(app, EXTRACT)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "sare takes about 8.4 minutes a picture: add --yes" in done.stderr


def test_yes_goes_on(asking: None) -> None:
    done = CliRunner().invoke(app, [*EXTRACT, "--yes"])
    assert (done.exit_code, done.stdout) == (0, "out\n")


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_terminal_is_asked(answer: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", screen)
    if goes_on:
        assert output.confirm("It takes long")
    else:
        with pytest.raises(typer.Abort):
            output.confirm("It takes long")
    assert "It takes long. Go on? [y/N]" in screen.getvalue()


def test_fetch_prints_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def fetch(suite: str, **more: object) -> Path:
        asked.update(more, suite=suite)
        return Path("bundle")

    module = ModuleType("fetch")
    module.fetch = fetch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "unprompt.workflows.fetch", module)
    done = CliRunner().invoke(app, ["fetch", "paper", "--to", "bundle", "--method", "tidy"])
    assert (done.exit_code, done.stdout) == (0, "bundle\n")
    assert asked == {"suite": "paper", "method": "tidy", "to": Path("bundle")}

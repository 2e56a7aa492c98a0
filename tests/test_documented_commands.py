"""Every command and example of the pages runs as it stands there, but for those that say why not."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unprompt.cli import app

from .test_documents import PAGES, ROOT

FENCE = re.compile(r"(?ms)^(?:<!-- not run: ([^\n]+) -->\n)?```(\w*)[^\n]*\n(.*?)^```$")
EXCUSED = {
    "container": 1,
    "data set": 6,
    "download": 2,
    "hours": 1,
    "minutes": 4,
    "other packages": 1,
    "service": 9,
    "synopsis": 1,
}
"""Why a block is not run -> how many are not; the service's are asked in tests/serve."""
GENERATED = ("photo.md", "photo-captions.md")
"""Pages that a recipe writes; the commands at their end make a suite anew, from data that nobody else has."""
LIMIT = 120.0
"""Seconds for a command or an example; the longest takes about ten on a busy machine."""
PICTURES = ROOT / "examples" / "pictures"


@dataclass(frozen=True)
class Block:
    page: str
    excuse: str
    language: str
    text: str

    def commands(self) -> Iterator[str]:
        """What is typed, without comments; what a command prints is left out."""
        for line in self.text.splitlines():
            if line.startswith("$ "):
                yield re.sub(r"\s+#\s.*", "", line[2:])


BLOCKS = [
    Block(page.name, *found.groups(default="")) for page in PAGES for found in FENCE.finditer(page.read_text("utf-8"))
]
RUN = [block for block in BLOCKS if block.language in ("console", "python") and not block.excuse]


def test_what_is_not_run_is_counted() -> None:
    assert Counter(block.excuse for block in BLOCKS if block.excuse) == EXCUSED


def test_no_command_hides_in_another_block() -> None:
    hidden = re.compile(r"(?m)^(\$ |unprompt |python |pip |curl )")
    others = [one for one in BLOCKS if one.language not in ("console", "python") and one.page not in GENERATED]
    assert [one for one in others if hidden.search(one.text)] == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages speak of, made small: one folder for all blocks, which come in the order of their pages."""
    folder = tmp_path_factory.mktemp("reader")
    for name in ("real", "generated"):
        shown = sorted((PICTURES / name).iterdir())
        (folder / "examples" / "pictures" / name).mkdir(parents=True)
        (folder / "mine" / name).mkdir(parents=True)
        for path in shown[:2]:
            shutil.copy(path, folder / "examples" / "pictures" / name)
        for path in shown:
            shutil.copy(path, folder / "mine" / name)
    shutil.copy(PICTURES / "real" / "scene-00.jpg", folder / "picture.jpg")
    return folder


@pytest.mark.parametrize("block", RUN, ids=lambda block: f"{block.page}-{block.language}")
def test_a_reader_can_type_it(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    if block.language == "python":
        with limited(block.page):
            exec(compile(block.text, block.page, "exec"), {})
        return
    commands = list(block.commands())
    assert commands
    for command in commands:
        with limited(command):
            typed(command, folder)


def typed(command: str, folder: Path) -> None:
    """Run what is typed; a shell's command with all that it starts, which ends with it."""
    words = shlex.split(command)
    if words[0] == "unprompt":
        done = CliRunner().invoke(app, words[1:], catch_exceptions=False)
        assert done.exit_code == 0, (command, done.output)
        return
    with subprocess.Popen(command, shell=True, cwd=folder, start_new_session=True) as process:
        try:
            assert process.wait() == 0, command
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            raise


@contextmanager
def limited(command: str, seconds: float = LIMIT) -> Iterator[None]:
    """TimeoutError for what does not end by itself, as a server."""

    def ended(*_: object) -> None:
        raise TimeoutError(
            f"{command!r} took longer than {seconds:g} s: let it end by itself, or say why it is not run"
        )

    former = signal.signal(signal.SIGALRM, ended)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


@pytest.mark.parametrize("command", ["sleep 60; true", "unprompt waits"])
def test_a_command_that_does_not_end_is_ended(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CliRunner, "invoke", lambda *_, **options: time.sleep(60))
    began = time.monotonic()
    with (
        pytest.raises(TimeoutError, match=f"'{command}' took longer than 0.1 s: let it end by itself"),
        limited(command, 0.1),
    ):
        typed(command, folder)
    assert time.monotonic() - began < 30

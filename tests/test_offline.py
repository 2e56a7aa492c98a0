"""Nothing is sent: with every connection but to this machine refused, pictures are judged, and nobody tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import unprompt

SCENE = Path(__file__).parents[1] / "examples" / "pictures" / "real" / "scene-00.jpg"
GUARD = """
import os, sys

def guard(event, given):
    if event == "socket.connect" or event == "socket.sendto":
        address = given[1]
        if not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1"):
            return
    elif event not in ("socket.getaddrinfo", "socket.gethostbyname"):
        return
    with open(os.environ["TOLD"], "a") as file:
        file.write(f"{event} {given!r}\\n")
    raise OSError(f"{event} is refused")

sys.addaudithook(guard)
"""
"""Run by every Python that starts, the decoder's among them; an audit hook cannot be removed again."""


@pytest.fixture
def guarded(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that no connection leaves; not even that of Hugging Face's own offline mode."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    source = Path(unprompt.__file__).parents[1]
    paths = os.pathsep.join(map(str, (tmp_path / "guard", source)))
    kept = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    return kept | {"PYTHONPATH": paths, "TOLD": str(tmp_path / "told"), "HF_HOME": str(tmp_path / "hub")}


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)


def test_no_connection_is_tried(guarded: dict[str, str], tmp_path: Path) -> None:
    done = run(guarded, "-m", "unprompt", "detect", str(SCENE), "--suite", "miniature[lane=fast]", "--format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert set(row["scores"]) == {"sare", "semgir", "tidy", "item"}
    assert not (tmp_path / "told").exists(), (tmp_path / "told").read_text()


@pytest.mark.parametrize(
    "script",
    [
        "import socket; socket.create_connection(('192.0.2.1', 80), 1)",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'a', ('192.0.2.1', 53))",
        "import httpx2; httpx2.get('http://example.org/', trust_env=False)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.gethostbyname(str())'])",
    ],
)
def test_the_guard_sees_who_tries(script: str, guarded: dict[str, str], tmp_path: Path) -> None:
    run(guarded, "-c", script)
    assert (tmp_path / "told").read_text().startswith("socket.")

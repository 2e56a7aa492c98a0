"""A database for a test: SQLite, and a PostgreSQL server of its own where its programs are installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER = "postgres"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a fresh server; it refuses to run as root, who runs it as another user."""
    folder = programs()
    if folder is None:
        pytest.skip("needs PostgreSQL's programs: apt-get install postgresql")
    as_user = ["runuser", "-u", USER, "--"] if os.name == "posix" and os.geteuid() == 0 else []
    place = Path(tempfile.mkdtemp(prefix="unprompt-"))
    if as_user:
        shutil.chown(place, USER)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]

    def run(program: str, *words: object) -> None:
        command = [*as_user, str(folder / program), *map(str, words)]
        subprocess.run(command, check=True, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    try:
        run("initdb", "-D", place / "data", "-U", USER, "--auth=trust", "--no-sync")
        options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1"
        run("pg_ctl", "-D", place / "data", "-o", options, "-l", place / "log", "-w", "start")
        yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
    finally:
        if (place / "data" / "postmaster.pid").exists():
            run("pg_ctl", "-D", place / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(place, ignore_errors=True)

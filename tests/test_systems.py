"""Everything imports and ``detect`` answers where what only some systems have is absent."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PICTURE = Path(__file__).parents[1] / "examples" / "pictures"

ABSENT = """
import os, sys
import psutil  # its code for this system asks for what is taken away below
sys.modules["fcntl"] = None  # as on Windows: importing it is an ImportError
for name in ("sched_getaffinity", "sysconf", "process_cpu_count"):
    if hasattr(os, name):
        delattr(os, name)
"""
IMPORTED = """
import importlib, pkgutil, unprompt
for module in pkgutil.walk_packages(unprompt.__path__, "unprompt."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
import unprompt.recipes.photo.__main__
from unprompt.processors import usable_cores
from unprompt.workflows.planning.machine import memory
print(memory(), usable_cores())
"""
DETECTED = """
from unprompt.cli import main
sys.argv[1:] = ["detect", "--suite", "miniature", "--format", "json", sys.argv[1]]
main()
"""


def run(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ABSENT + code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_module_imports_and_detect_answers() -> None:
    picture = next(PICTURE.rglob("*.jpg"))
    told, rows = run(IMPORTED + DETECTED, picture).split("\n", 1)
    memory, cores = told.split()
    assert memory == "None"
    assert 1 <= int(cores) <= (os.cpu_count() or 1)
    (row,) = json.loads(rows)
    assert (row["status"], row["error"], Path(row["uri"])) == ("ok", None, picture)

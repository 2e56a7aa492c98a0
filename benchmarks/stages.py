"""What the commands of ``full_size.py`` took: each is run in a process of its own, and its row is kept at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer
from typing import Any

COLUMNS = ("method", "stage", "seconds", "processor seconds", "seconds a picture", "peak memory", "peak GPU memory")
HEAD = f"| {' | '.join((*COLUMNS, 'stored a picture'))} |\n" + "| --- " * (len(COLUMNS) + 1) + "|"


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    method: str
    stage: str
    status: int
    """Exit code of the process; below 0 = stopped, by this signal."""
    seconds: float
    processor: float
    """Seconds of all its threads together."""
    pictures: int
    memory: float
    """Greatest resident size in MB."""
    gpu: float
    """The same of what torch took on a GPU."""
    stored: int
    """Bytes that it wrote, but for reports."""

    def row(self) -> str:
        """A line of the table."""
        gpu = f"{self.gpu:.0f} MB" if self.gpu else "-"
        failed = " (stopped)" if self.status < 0 else f" (exit code {self.status})" if self.status else ""
        return (
            f"| {self.method} | {self.stage}{failed} | {self.seconds:.1f} | {self.processor:.1f} "
            f"| {self.seconds / self.pictures:.2f} | {self.memory:.0f} MB | {gpu} "
            f"| {self.stored / self.pictures / 1000:.1f} kB |"
        )


class Costs:
    """The rows of a folder, in a JSON file that is written again after each."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.settings = path, dict(settings)
        empty: dict[str, Any] = {"settings": self.settings, "costs": []}
        stored = json.loads(path.read_text("utf-8")) if path.is_file() else empty
        self._rows = {(one["method"], one["stage"]): Cost(**one) for one in stored["costs"]}
        if stored["settings"] != self.settings:
            sys.exit(
                f"{path.parent} holds a run with {stored['settings']}, this one has {self.settings}: "
                "name another folder with --run, or delete that one"
            )

    def done(self, method: str, stage: str) -> Cost | None:
        """What a stage took that succeeded."""
        cost = self._rows.get((method, stage))
        return cost if cost is not None and not cost.status else None

    def keep(self, cost: Cost) -> Cost:
        """Store a row, in the place of the same stage's; returns it."""
        self._rows[cost.method, cost.stage] = cost
        text = json.dumps({"settings": self.settings, "costs": [asdict(one) for one in self._rows.values()]}, indent=2)
        aside = self.path.with_suffix(".aside")
        aside.write_text(text + "\n", "utf-8")
        aside.replace(self.path)
        return cost


def run_stage(arguments: Sequence[str], note: Path) -> None:
    """One command of the package, in this process; the peak of its GPU memory goes into ``note``."""
    import torch

    from unprompt.cli import main

    sys.argv = ["unprompt", *arguments]
    try:
        main()
    finally:
        peak = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
        note.write_text(json.dumps(peak), "utf-8")


def measured(
    method: str, arguments: Sequence[str], pictures: int, out: Path | None, folder: Path, cache: Path, limit: float
) -> Cost:
    """Run a command in a process of its own, for ``limit`` seconds at most; its lines go to ``folder``/log.txt."""
    note = folder / "gpu.json"
    note.unlink(missing_ok=True)
    kept = {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    before, began = stored_bytes(out), time.perf_counter()
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        log.write(f"$ unprompt {' '.join(arguments)}\n")
        log.flush()
        command = [sys.executable, sys.argv[0], "--stage", str(note), *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **kept})
        timer = Timer(limit, process.terminate)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        method,
        stage=arguments[0],
        status=process.returncode,
        seconds=time.perf_counter() - began,
        processor=usage.ru_utime + usage.ru_stime,
        pictures=pictures,
        memory=usage.ru_maxrss / 1024,
        gpu=json.loads(note.read_text("utf-8")) if note.is_file() else 0.0,
        stored=stored_bytes(out) - before,
    )


def stored_bytes(path: Path | None) -> int:
    """Of a file, or of all files below a folder."""
    if path is None:
        return 0
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())

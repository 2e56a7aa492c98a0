"""Kill ``extract`` and ``train`` at random moments, run the same command again, compare every byte with a quiet run.

    python benchmarks/kills.py [--kills 10] [--pictures 36] [--steps 3] [--seed 0] [--folder DIR]

The pictures are the examples, turned and mirrored; the suite is `miniature` with fewer sampling steps. A moment lies
anywhere between the first file that a quiet run leaves and its end, in seconds of processor time, so that a busy
machine does not move it. Every run is a process of its own, forked when the libraries are loaded, and killed by
SIGKILL. Prints a table a command; exit code 1 when any run ended with other files than the quiet one. Linux alone.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from unprompt.cli import app
from unprompt.images import encode_png, read
from unprompt.instruments import Manifest

EXAMPLES = Path(__file__).parents[1] / "examples" / "pictures"
LIBRARIES = (
    "workflows.extract",
    "workflows.train",
    "instruments.blip",
    "instruments.clip",
    "instruments.stable_diffusion",
)
"""Modules of the package that each fork finds loaded."""
LOOK = 0.002
"""Seconds between two looks at a run."""


@dataclass(frozen=True)
class Command:
    """A verb that writes into a folder: the words before the folder's path, and those after it."""

    name: str
    words: tuple[str, ...]
    file: str = ""
    """What is written inside the folder; empty = the folder itself."""

    def start(self, folder: Path) -> int:
        """Run it into ``folder`` as a process; its number."""
        if process := os.fork():
            return process
        code = 70
        try:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            app([*self.words, "--out", str(folder / self.file)], standalone_mode=False)
            code = 0
        finally:
            os._exit(code)


def turned(folder: Path, count: int) -> None:
    """``count`` pictures in two splits and two classes."""
    made = (
        (path.parent.name, np.rot90(flipped, quarter))
        for quarter in range(4)
        for path in sorted(EXAMPLES.rglob("*.jpg"))
        for rgb in [read(path, path.name).rgb]
        for flipped in (rgb, rgb[:, ::-1])
    )
    places: Iterator[tuple[str, int]] = ((split, i) for i in range(count) for split in ("train", "train", "validation"))
    seen: dict[str, int] = {}
    for label, rgb in made:
        if seen.get(label, 0) < count // 2:
            split, number = next(places)
            path = folder / split / label / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(np.ascontiguousarray(rgb)))
            seen[label] = seen.get(label, 0) + 1


def hastened(folder: Path, steps: int) -> Path:
    """The embedded suite with other numbers of sampling steps."""
    shutil.copytree(Manifest.read("miniature").file.parent, folder)
    file = folder / "suite.toml"
    file.write_text(re.sub(r"\bsteps = \d+", f"steps = {steps}", file.read_text("utf-8")), "utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def spent(process: int) -> float | None:
    """Processor time of a running process in seconds; None when it ended."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return None if words[0] == "Z" else (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def first_file(process: int, folder: Path) -> float:
    """Processor time at which a run leaves its first file."""
    while (now := spent(process)) is not None and not any(path.is_file() for path in folder.rglob("*")):
        time.sleep(LOOK)
    return now or 0.0


def quiet(command: Command, folder: Path) -> float:
    """An undisturbed run; its seconds from the first file to the end."""
    process = command.start(folder)
    began = first_file(process, folder)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"{command.name} ended with status {status} although nothing disturbed it")
    return usage.ru_utime + usage.ru_stime - began


def killed(command: Command, folder: Path, pause: float) -> bool:
    """Kill a run ``pause`` seconds after its first file; False when it ended before."""
    process = command.start(folder)
    moment = first_file(process, folder) + pause
    while (now := spent(process)) is not None and now < moment:
        time.sleep(LOOK)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


def trial(command: Command, expected: dict[str, bytes], pause: float, folder: Path) -> bool | None:
    """One row of the table: whether the files are equal in the end; None when the run ended before it was killed."""
    if not killed(command, folder, pause):
        return None
    left = contents(folder)
    half = sum(name.endswith(".tmp") for name in left)
    if os.waitpid(command.start(folder), 0)[1]:
        equal, words = False, "the same command failed"
    else:
        found = contents(folder)
        differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        equal, words = not differing, f"differ: {', '.join(differing)}" if differing else "equal"
    print(f"| {pause:7.2f} | {len(left) - half:5} of {len(expected)} | {half:9} | {words} |", flush=True)
    return equal


def table(command: Command, kills: int, rng: random.Random, folder: Path) -> bool:
    """All trials of one command; whether all ended equal."""
    span = quiet(command, folder / "quiet")
    expected = contents(folder / "quiet")
    print(f"\n{command.name}: {span:.1f} s of work, {len(expected)} files, {sum(map(len, expected.values()))} bytes\n")
    print(
        "| killed after s | files | temporary | after the same command again |\n| --- | --- | --- | --- |", flush=True
    )
    ended: list[bool] = []
    for number in range(10 * kills):
        equal = trial(command, expected, rng.uniform(0, span), folder / f"{number:03}")
        ended += [] if equal is None else [equal]
        if len(ended) == kills:
            break
    print(f"\n{sum(ended)} of {len(ended)} equal")
    return len(ended) == kills and all(ended)


def main() -> int:
    """Exit code 0 = every run ended with the files of a quiet one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="of each command")
    parser.add_argument("--pictures", type=int, default=36)
    parser.add_argument("--steps", type=int, default=3, help="of the suite's generators")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, help="empty, kept afterwards; default: a temporary one")
    chosen = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    for name in LIBRARIES:
        import_module(f"unprompt.{name}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        turned(folder / "pictures", chosen.pictures)
        suite = ("--suite", str(hastened(folder / "suite", chosen.steps)))
        data = ("--data", f"folder:{folder / 'pictures'}", "--spread", "2")
        evidence = ("--evidence", str(folder / "extract panel" / "quiet"))
        commands = (
            Command("extract panel", ("extract", "panel", *data, *suite)),
            Command("train sare", ("train", "sare", *evidence, *suite, "--set", "epochs=6"), "sare.safetensors"),
            Command("train item", ("train", "item", *evidence, *suite, "--set", "epochs=200"), "item.safetensors"),
        )
        rng = random.Random(chosen.seed)
        return 0 if all([table(command, chosen.kills, rng, folder / command.name) for command in commands]) else 1


if __name__ == "__main__":
    sys.exit(main())

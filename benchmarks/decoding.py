"""What it costs to decode pictures in a process that can be stopped: pictures a second, against decoding in this one.

    python benchmarks/decoding.py [--pictures 200] [--rounds 5]

Both ways read the same files in turn, round by round, so that a busy machine slows both: photographs of 12 megapixels
and pictures of 512 x 512, each as JPEG and PNG, of smooth scenes with noise, which compress about as photographs do.
Then the first picture of a new interpreter, from its start on. Prints a table of medians; the ratio is the median of
the rounds' own ratios. Exit code 1 where a kind is read at less than half of the pace.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from unprompt.images import encode_jpeg, encode_png, read, read_isolated, resize
from unprompt.types import RGB, Picture

SIDES = {"12 megapixels": (4000, 3000), "512 x 512": (512, 512)}
LEAST = 0.5
FIRST = "from pathlib import Path; from unprompt.images import {way}; {way}(Path({path!r}), 'a')"


def scene(width: int, height: int, seed: int) -> RGB:
    """Coarse patches of colour, enlarged, with a camera's noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    noise = rng.normal(0, 4, (height, width, 3)).astype(np.float32)
    return (resize(coarse, width, height) + noise).clip(0, 255).astype(np.uint8)


def written(folder: Path, width: int, height: int) -> dict[str, list[Path]]:
    """Two files of each format."""
    files: dict[str, list[Path]] = {"JPEG": [], "PNG": []}
    for seed in range(2):
        rgb = scene(width, height, seed)
        for name, data in (("JPEG", encode_jpeg(rgb, 90)), ("PNG", encode_png(rgb))):
            path = folder / f"{width}-{seed}.{name.lower()}"
            path.write_bytes(data)
            files[name].append(path)
    return files


def seconds(way: Callable[[Path, str], Picture], paths: Sequence[Path], count: int) -> float:
    """To read ``count`` pictures."""
    began = time.perf_counter()
    for number in range(count):
        way(paths[number % len(paths)], "a")
    return time.perf_counter() - began


def started(way: str, path: Path) -> float:
    """Seconds from a new interpreter's start to its end, with one picture read."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", FIRST.format(way=way, path=str(path))], check=True)
    return time.perf_counter() - began


def line(name: str, unit: str, here: Sequence[float], apart: Sequence[float]) -> float:
    """Print a row of the table, times in the same order; returns the ratio of the paces."""
    ratio = median(one / other for one, other in zip(here, apart, strict=True))
    print(f"| {name} | {median(here):.4f} {unit} | {median(apart):.4f} {unit} | {ratio:.2f} |", flush=True)
    return ratio


def main() -> int:
    """Exit code 0 = no kind is read at less than half of the pace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200, help="of each kind, all rounds together")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    count = max(1, chosen.pictures // chosen.rounds)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        print("| pictures | in this process | in its own | ratio of the paces |\n| --- | --- | --- | --- |")
        for size, (width, height) in SIDES.items():
            for format_, paths in written(Path(folder), width, height).items():
                seconds(read_isolated, paths, 2)
                rounds = [
                    [seconds(way, paths, count) / count for way in (read, read_isolated)] for _ in range(chosen.rounds)
                ]
                ratios.append(line(f"{size}, {format_}", "s", *zip(*rounds, strict=True)))
        rounds = [[started(way, paths[0]) for way in ("read", "read_isolated")] for _ in range(chosen.rounds)]
        line("the first, from the interpreter's start", "s", *zip(*rounds, strict=True))
    return 0 if min(ratios) >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())

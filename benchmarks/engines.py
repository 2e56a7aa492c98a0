"""Are twice as many processes twice as fast? And is what they make the same?

    python benchmarks/engines.py [--verb detect] [--method semgir] [--pictures 96] [--processes 1 2] [--ray]

``extract`` or ``detect`` of pictures of 64 x 64 by the suite ``miniature``, once for each number of processes,
with one thread each; with ``--ray`` by actors of a Ray of this machine too. A shorter run, and so what is loaded, is
taken off.

Prints a table: seconds, pictures a second, and the efficiency, which is how many times the first line's speed it is,
divided by how many times its processes. Exit code 1 when the evidence of two lines differs by a byte, or a row does.
Only an idle machine can tell.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from long_run import draw

from unprompt import detect
from unprompt.choices import EngineName
from unprompt.workflows.extract import extract

SHARD = 32
HEAD = "| engine | processes | seconds | pictures a second | efficiency |\n| --- | ---: | ---: | ---: | ---: |"


def extracted(method: str, engine: EngineName, processes: int, data: Path, out: Path) -> object:
    """Name -> bytes of all files."""
    extract(method, data=f"folder:{data}", out=out, engine=engine, devices=processes, max_minutes=None)
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def detected(method: str, engine: EngineName, processes: int, data: Path, _: Path) -> object:
    """The rows, by the pictures' names."""
    rows = detect([str(data)], suite="miniature", method=method, engine=engine, devices=processes, max_minutes=None)
    return {Path(row.uri).name: replace(row, uri="") for row in rows}


VERBS = {"extract": extracted, "detect": detected}


def main() -> int:
    """The table, a line at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verb", choices=VERBS, default="extract")
    parser.add_argument("--method", default="semgir")
    parser.add_argument("--pictures", type=int, default=96, help="besides those of the run that is taken off")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--ray", action="store_true")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    print(HEAD, flush=True)
    few = SHARD * max(chosen.processes)
    first: tuple[float, int, object] | None = None
    alike = True
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        data = [draw(place / "data" / str(count), count) for count in (few, few + chosen.pictures)]
        for engine in ("local", "ray") if chosen.ray else ("local",):
            for processes in chosen.processes:
                stores = [place / f"{engine}-{processes}-{one.name}" for one in data]
                clock = [time.perf_counter()]
                for pair in zip(data, stores, strict=True):
                    made = VERBS[chosen.verb](chosen.method, engine, processes, *pair)
                    clock.append(time.perf_counter())
                long = clock[2] - clock[1]
                speed = chosen.pictures / (long - (clock[1] - clock[0]))
                first = first or (speed, processes, made)
                alike &= made == first[2]
                efficiency = speed / first[0] / (processes / first[1])
                print(f"| {engine} | {processes} | {long:.1f} | {speed:.2f} | {efficiency:.2f} |", flush=True)
    return int(not alike)


if __name__ == "__main__":
    sys.exit(main())

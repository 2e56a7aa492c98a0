"""Pictures a second of unprompt beside the plain script that a user would write, and the share of the machine's peak.

    python benchmarks/speed.py [--suite miniature | --full-size DIR] [--device cuda] [--only captions tidy ...]
                               [--pictures 8] [--rounds 3] [--photographs FOLDER] [--out speed.json]

Both sides have the same models and float32, and run in one process, in turn, with one thread (--threads), after one
round that is not counted; outputs are compared in every round: captions equal, vectors within 1e-4, drawings within one
step of 255. A row is the median of the rounds. The load beside is recorded, and processor seconds are told too, which
other work on the machine moves less. ``plain.py`` is the plain script.

The peak is that of a matrix product, measured now; what a model reaches of it is its operations, counted by torch's
FlopCounterMode, over the processor seconds (on a GPU over the seconds). --full-size takes the suite of random weights
that ``full_size.py --cache DIR`` made: timing only. Its diffusion takes few steps, as that suite's file says.

Rows ``detect`` and ``first verdict`` have unprompt alone: reading, heads and checks, and a process from its start.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from huggingface_hub import constants
from plain import PlainScript
from torch.utils.flop_counter import FlopCounterMode

import unprompt
from unprompt.detectors import METHODS
from unprompt.evidence.alignment import AlignmentExtractor
from unprompt.evidence.base import Extractor
from unprompt.evidence.joint import JointExtractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.instruments.matrix_rate import matrix_rate
from unprompt.types import Picture

EXAMPLES = Path(__file__).parents[1] / "examples" / "pictures"
HEAD = "| what | pictures a second | plain script | ratio | processor s a picture | plain script | share of peak |\n"


@dataclass(frozen=True)
class Work:
    """One thing that both sides make of the same pictures."""

    name: str
    ours: Callable[[Sequence[Picture]], list[list[Any]]]
    plain: Callable[[Picture], list[Any]]


@dataclass(frozen=True)
class Row:
    """Medians over the rounds."""

    name: str
    pictures: int
    seconds: float
    processor: float
    plain_seconds: float | None = None
    plain_processor: float | None = None
    tflop: float = 0.0
    """10^12 operations of all pictures."""
    share: float | None = None
    """Of the peak."""

    def line(self) -> str:
        """A line of the table."""
        rate = self.pictures / self.seconds
        plain = ["-"] * 3
        if self.plain_seconds is not None and self.plain_processor is not None:
            ratio, spent = self.plain_processor / self.processor, self.plain_processor / self.pictures
            plain = [f"{self.pictures / self.plain_seconds:.2f}", f"{ratio:.2f}", f"{spent:.3f}"]
        share = "-" if self.share is None else f"{self.share:.0%}"
        cells = [self.name, f"{rate:.2f}", *plain[:2], f"{self.processor / self.pictures:.3f}", plain[2], share]
        return f"| {' | '.join(cells)} |"


def works(suite: Suite) -> Iterator[Work]:
    """The instruments, and the evidence of each method and of several together."""
    script = PlainScript(suite)

    def evidence_of(method: str) -> Extractor[Any]:
        return METHODS[method].evidence_of(METHODS[method].fitting_options(suite))

    def made(*methods: str) -> Callable[[Sequence[Picture]], list[list[Any]]]:
        extractors = {name: evidence_of(name) for name in methods}

        def extract(pictures: Sequence[Picture]) -> list[list[Any]]:
            script.diffusion.load()._read.cache_clear()
            rows = JointExtractor(extractors).extract(ProductCache(pictures, suite))
            return [[part for name in methods for part in parts(name, row.by_method[name])] for row in rows]

        return extract

    objects = {name: cast(AlignmentExtractor, evidence_of(name)).objects for name in ("tidy", "item")}
    own: dict[str, Callable[[Picture], list[Any]]] = {
        "tidy": lambda one: script.alignment(one, objects["tidy"]),
        "item": lambda one: script.alignment(one, objects["item"]),
        "sare": script.sare,
        "semgir": script.semgir,
    }

    def each(*methods: str) -> Callable[[Picture], list[Any]]:
        return lambda one: [part for name in methods for part in own[name](one)]

    def captions(pictures: Sequence[Picture]) -> list[list[Any]]:
        return [[one.text] for one in suite.captioner.captions([picture.rgb for picture in pictures])]

    def vectors(pictures: Sequence[Picture]) -> list[list[Any]]:
        return [[row] for row in suite.encoder.embed_pictures([picture.rgb for picture in pictures])]

    yield Work("captions", captions, lambda one: [script.caption(one)])
    yield Work("picture vectors", vectors, lambda one: [script.picture_vector(one.rgb)])
    for name in own:
        yield Work(name, made(name), each(name))
    yield Work("tidy + item", made("tidy", "item"), each("tidy", "item"))
    yield Work("panel", made("sare", "semgir", "tidy", "item"), each("sare", "semgir", "tidy", "item"))


def parts(method: str, evidence: Any) -> list[Any]:
    """What is compared of an evidence, in the plain script's order."""
    if method == "sare":
        return [evidence.caption.text, evidence.reconstruction]
    if method == "semgir":
        return [evidence.caption.text, evidence.regenerations[0]]
    found = [evidence.caption.text, evidence.image, evidence.text]
    return found if evidence.objects is None else [*found, *evidence.objects.images, *evidence.objects.texts]


def check_equal(name: str, ours: list[list[Any]], plain: list[list[Any]]) -> None:
    """SystemExit unless both made the same."""
    for number, (left, right) in enumerate(zip(ours, plain, strict=True)):
        for one, other in zip(left, right, strict=True):
            if isinstance(one, str):
                same = one == other
            else:
                most = 1 if one.dtype == np.uint8 else 1e-4 * max(1.0, float(np.abs(other).max()))
                same = one.shape == other.shape and float(np.abs(one.astype(float) - other).max()) <= most
            if not same:
                sys.exit(f"{name}: picture {number} came out otherwise than by the plain script: {one!r} and {other!r}")


def timed(work: Callable[[], Any], device: torch.device) -> tuple[float, float, Any]:
    """Seconds, processor seconds and the result."""
    began, used = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began, time.process_time() - used, result


def measure(work: Work, pictures: Sequence[Picture], rounds: int, device: torch.device, peak: float) -> Row:
    """In turn; the first round counts operations and is not timed."""
    with FlopCounterMode(display=False) as counter:
        work.ours(pictures)
    tflop = counter.get_total_flops() / 1e12
    [work.plain(one) for one in pictures]
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(timed(lambda: work.ours(pictures), device))
        plain.append(timed(lambda: [work.plain(one) for one in pictures], device))
        check_equal(work.name, ours[-1][2], plain[-1][2])
    seconds, processor = medians(ours)
    share = tflop / (seconds if device.type == "cuda" else processor) / peak
    return Row(work.name, len(pictures), seconds, processor, *medians(plain), tflop, share)


def medians(rounds: Sequence[tuple[Any, ...]]) -> tuple[float, float]:
    """Of their seconds, and of their processor seconds."""
    return statistics.median(one[0] for one in rounds), statistics.median(one[1] for one in rounds)


def matrix_peak(dtype: torch.dtype, device: torch.device) -> float:
    """10^12 operations a second of a matrix product, by processor seconds on a CPU."""
    return matrix_rate(dtype, device, 1.0, time.perf_counter if device.type == "cuda" else time.process_time)


def detected(name: str, paths: Sequence[Path], rounds: int, device: str, **options: Any) -> Row:
    """``load`` once, then ``predict``: pictures are read and judged, and equal ones are not met."""
    detector = unprompt.load(device=device, **options)
    found = [timed(lambda: list(detector.predict(paths)), torch.device("cpu")) for _ in range(rounds)]
    if failed := [row.error for row in found[0][2] if row.status != "ok"]:
        sys.exit(f"{name}: {failed[0]}")
    return Row(name, len(paths), *medians(found))


def first_verdict(name: str, path: Path, rounds: int) -> Row:
    """A process from its start to its end."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "unprompt", "detect", str(path)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{name}: detect ended with exit code {process.returncode}")
        found.append((time.perf_counter() - began, usage.ru_utime + usage.ru_stime))
    return Row(name, 1, *medians(found))


def photographs(folder: Path | None) -> list[Path]:
    """Those of a folder, else those that scikit-image bundles."""
    if folder is None:
        from skimage.data import data_dir

        return [Path(data_dir, name) for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
    return sorted(one for one in folder.rglob("*") if one.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="miniature")
    parser.add_argument("--full-size", type=Path, metavar="DIR", help="what full_size.py --cache DIR made")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="*", help="names of rows")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--photographs", type=Path, help="a folder; default: three of scikit-image")
    parser.add_argument("--out", type=Path, help="JSON; the table goes to stdout")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)  # the user's word, for the processes that are started too
    torch.set_num_threads(chosen.threads)
    device = torch.device(chosen.device)
    peaks = {str(dtype)[6:]: matrix_peak(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    started = {"load": os.getloadavg(), "peak_tflop_a_second": peaks, "threads": chosen.threads}
    print(f"{json.dumps(started)}\n\n{HEAD}{'| --- ' * 7}|", flush=True)
    rows: list[Row] = []

    def wanted(name: str) -> bool:
        return not chosen.only or name in chosen.only

    def keep(row: Row) -> None:
        rows.append(row)
        print(row.line(), flush=True)
        if chosen.out:
            text = {**started, "load_after": os.getloadavg(), "rows": [asdict(one) for one in rows]}
            chosen.out.write_text(json.dumps(text, indent=2) + "\n", "utf-8")

    if chosen.full_size:
        constants.HF_HUB_CACHE = str(chosen.full_size)
        paths = sorted((chosen.full_size / "run").glob("real-*/test/**/*.png"))[: chosen.pictures]
        suite = Suite.load(chosen.full_size / "run" / "suite.toml", chosen.device)
    else:
        paths = sorted(EXAMPLES.rglob("*.jpg"))[:: max(1, 40 // chosen.pictures)][: chosen.pictures]
        suite = Suite.load(chosen.suite, chosen.device)
    pictures = [read(path, str(path)) for path in paths]
    for work in works(suite):
        if wanted(work.name):
            keep(measure(work, pictures, chosen.rounds, device, peaks["float32"]))
    if chosen.full_size:
        return
    photos = photographs(chosen.photographs)
    for name, given, options in (("detect scenes", paths, {"suite": chosen.suite}), ("detect photographs", photos, {})):
        if wanted(name):
            keep(detected(name, given, chosen.rounds, chosen.device, **options))
    for name, path in (("first verdict, scene", paths[0]), ("first verdict, photograph", photos[0])):
        if wanted(name):
            keep(first_verdict(name, path, chosen.rounds))


if __name__ == "__main__":
    main()

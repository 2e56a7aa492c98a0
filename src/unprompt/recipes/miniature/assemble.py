"""Stage: the suite's folder, from the finished models: float16, without what only training needs."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file

from unprompt.errors import DataError
from unprompt.instruments import CLASSES
from unprompt.instruments.digests import file_digest, folder_digest
from unprompt.recipes.miniature.stage import BuildContext, Stage, put

log = logging.getLogger(__name__)

TITLE: Final = "Synthetic scenes: complete methods on small models"
DESCRIPTION: Final = (
    "Small models of the papers' classes, trained from scratch on rendered table-top scenes of 64 x 64 pixels. "
    "They know one to three simple things on five floors, and nothing else: their answers on such scenes are measured, "
    "their answers on any other picture mean nothing."
)


@dataclass(frozen=True)
class SuiteEntry:
    """A model's table in the suite's file."""

    kind: str
    """Key of CLASSES."""
    path: str
    """Name of the finished model, and of its folder in the suite."""
    parameters: Mapping[str, str | int | float] = field(default_factory=dict)
    candidate: bool = False
    """Of a further generator: attribution asks about it."""

    def digest(self, folder: Path) -> str:
        """Digest of the model in the suite's folder, with that of its trunk."""
        trunk = folder / str(self.parameters["trunk"]) if "trunk" in self.parameters else None
        return folder_digest(folder / self.path, self.files, trunk)

    @property
    def files(self) -> tuple[str, ...]:
        """What the instrument reads of its folder."""
        module, _, name = CLASSES[self.kind].partition(":")
        files: tuple[str, ...] = getattr(import_module(module), name).files
        return files


ENTRIES: Final = {
    "instruments.captioner": SuiteEntry("blip", "captioner"),
    "instruments.encoder": SuiteEntry("clip", "encoder"),
    "instruments.diffusion": SuiteEntry(
        "stable-diffusion", "diffusion", {"strength": 0.5, "steps": 20, "guidance": 3.0, "side": 64}
    ),
    "instruments.grounder": SuiteEntry("owlv2", "grounder", {"trunk": "encoder"}),
    "instruments.perceptual": SuiteEntry("clip-perceptual", "encoder"),
    "instruments.discriminator": SuiteEntry("stylegan-discriminator", "discriminator"),
    "generators.sibling": SuiteEntry(
        "stable-diffusion", "sibling", {"strength": 0.5, "steps": 20, "guidance": 3.0, "side": 64}, candidate=True
    ),
}
OPTIONS: Final[Mapping[str, Mapping[str, int | float | bool]]] = {
    "sare": {"epochs": 30, "batch": 32, "rate": 5e-4, "encoder_rate": 5e-5},
    "semgir": {"epochs": 30},
    "semgir-a": {"epochs": 14, "rate": 2e-4, "layers": 3, "learn_text": False, "mirror": True},
    "tidy": {"batch": 64},
    "item": {"batch": 64},
    "npr": {"epochs": 5},
    "gramnet": {"epochs": 6, "rate": 1e-3},
    "lgrad": {"epochs": 8},
    "drct": {"epochs": 30, "batch": 64, "rate": 1e-3},
    "univfd": {"rate": 1e-2},
}
"""Where the papers' schedules, made for 10^5 pictures, are too short or too long here, or a head is too large."""
LANES: Final[Mapping[str, Mapping[str, str | float]]] = {
    "fast": {"solver": "dpm-solver++", "steps": 4, "guided_above": 0.3},
    "draft": {"solver": "dpm-solver++", "steps": 2},
}
"""Lane -> what each diffusion of the suite exchanges; ``python -m unprompt.recipes.lanes`` calibrates heads on it."""


def make(context: BuildContext) -> dict[str, float]:
    """Copy the models that are finished, and write ``suite.toml``; heads and world check that lie there stay."""
    for entry in {entry.path: entry for entry in ENTRIES.values()}.values():
        if context.model(entry.path).is_dir():
            copy(context.model(entry.path), context.suite / entry.path, entry.files)
    write_manifest(context.suite)
    sizes = {name: size / 2**20 for name, size in _sizes(context.suite).items()}
    for name, size in sizes.items():
        log.info(f"{name}: {size:.1f} MiB")
    log.info(f"{context.suite}: {sum(sizes.values()):.1f} MiB")
    return {"mebibytes": sum(sizes.values())}


def copy(source: Path, target: Path, patterns: Iterable[str]) -> None:
    """The files that match, weights as float16, in place of whatever ``target`` held."""
    aside = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    for path in sorted({path for pattern in patterns for path in source.glob(pattern)}):
        copied = aside / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors":
            _halve(path, copied)
        elif path.name.endswith("config.json"):
            copied.write_bytes(_portable(path.read_text("utf-8")).encode())
        else:
            shutil.copyfile(path, copied)
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)


def write_manifest(folder: Path) -> Path:
    """``suite.toml`` for the models, heads and world check that lie in the folder."""
    heads = sorted(path.stem for path in (folder / "heads").glob("*.safetensors"))
    fitted = [name for name in map(_fitted, LANES) if (folder / name).exists()]
    named = [f"heads/{method}.safetensors" for method in heads]
    named += [str(one) for one in [_facts(folder).get("world"), *fitted] if one]
    text = "\n\n".join(
        [
            _table("", _facts(folder)),
            *([_table("heads", {method: f"heads/{method}.safetensors" for method in heads})] if heads else []),
            *([_table("digests", {name: file_digest(folder / name) for name in named})] if named else []),
            *_entries(folder),
            *(f"{_table(f'methods.{method}', {})}\noptions = {_inline(told)}" for method, told in OPTIONS.items()),
            *(_lane(name, parameters) for name, parameters in LANES.items()),
        ]
    )
    path = folder / "suite.toml"
    put(path, f"{text}\n".encode())
    return path


def _facts(folder: Path) -> dict[str, str | bool]:
    facts: dict[str, str | bool] = {"name": "miniature", "title": TITLE, "description": DESCRIPTION}
    world = {"world": "world.safetensors"} if (folder / "world.safetensors").exists() else {}
    return facts | {"version": version("unprompt")} | world | {"colour_only": True}


def _entries(folder: Path) -> Iterator[str]:
    for place, entry in ENTRIES.items():
        if (folder / entry.path).is_dir():
            facts: dict[str, str | bool] = {"class": entry.kind, "path": entry.path, "digest": entry.digest(folder)}
            facts |= {"licence": "Apache-2.0"} | ({"candidate": True} if entry.candidate else {})
            yield _table(place, facts) + (f"\nparameters = {_inline(entry.parameters)}" if entry.parameters else "")


def _lane(name: str, parameters: Mapping[str, str | float]) -> str:
    drawing = [place.removeprefix("instruments.") for place, entry in ENTRIES.items() if "steps" in entry.parameters]
    whole = {f"{place}.{key}": value for place in drawing for key, value in parameters.items()}
    return _table(f"lanes.{name}", {"fitted": _fitted(name)}) + f"\nparameters = {_inline(whole)}"


def _fitted(lane: str) -> str:
    return f"lanes/{lane}.json"


def _table(name: str, facts: Mapping[str, str | bool]) -> str:
    # A string of JSON without control characters is one of TOML too, and so is true.
    lines = [f"{_key(key)} = {json.dumps(value)}" for key, value in facts.items()]
    return "\n".join([f"[{name}]", *lines] if name else lines)


def _inline(facts: Mapping[str, str | int | float | bool]) -> str:
    return "{ " + ", ".join(f"{_key(name)} = {json.dumps(value)}" for name, value in facts.items()) + " }"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _halve(source: Path, target: Path) -> None:
    halved = {
        name: tensor.half() if tensor.dtype == torch.float32 else tensor for name, tensor in load_file(source).items()
    }
    for name, tensor in halved.items():
        if not tensor.isfinite().all():
            raise DataError(f"{source}: tensor {name} does not fit float16 or is not finite: train that model again")
    save_file(halved, target, {"format": "pt"})


def _portable(config: str) -> str:
    """A configuration without the folder that its model was once loaded from."""
    stated = json.loads(config)
    return (
        json.dumps({key: value for key, value in stated.items() if not key.endswith("name_or_path")}, indent=2) + "\n"
    )


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes under each entry of the folder, by name."""
    return {
        entry.name: sum(path.stat().st_size for path in [entry, *entry.rglob("*")] if path.is_file())
        for entry in sorted(folder.iterdir())
    }


STAGE = Stage("assemble", make)

"""A suite's file, parsed and checked without torch.

    name = "miniature"                      # also: title, description, version
    fake = false                            # true = random weights, refused as a verdict
    world = "world.safetensors"             # out-of-world check; left out = none

    [heads]
    sare = "heads/sare.safetensors"

    [instruments.captioner]                 # captioner, encoder, diffusion, grounder, perceptual
    class = "blip"
    model = "Salesforce/blip-image-captioning-base"   # or path = "captioner", a folder beside the file
    revision = "..."                        # also: digest (checked when given), licence
    [instruments.captioner.parameters]
    beams = 3

    [generators.flow]                       # further generators, by name; keys as above

Weights are named by their path beside the file, or by hub id and revision.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from unprompt.errors import MissingHead, SuiteError
from unprompt.instruments.cards import Origin

T = TypeVar("T")

CLASSES = {
    "blip": "unprompt.instruments.blip:BlipCaptioner",
    "clip": "unprompt.instruments.clip:ClipEncoder",
    "clip-perceptual": "unprompt.instruments.perceptual:ClipPerceptual",
    "flow": "unprompt.instruments.flow:PixelFlow",
    "grounding-dino": "unprompt.instruments.grounding_dino:GroundingDino",
    "owlv2": "unprompt.instruments.owlv2:Owlv2Grounder",
    "stable-diffusion": "unprompt.instruments.stable_diffusion:StableDiffusion",
}
"""What ``class`` can say -> where the class is; it is imported when an instrument is built."""

ROLES = {
    "captioner": "Captioner",
    "encoder": "Encoder",
    "diffusion": "Diffusion",
    "grounder": "Grounder",
    "perceptual": "Perceptual",
}
"""Roles of a suite -> the interface of :mod:`unprompt.instruments.base` that fills it."""


@dataclass(frozen=True)
class Spec:
    """One instrument as the file states it."""

    kind: str
    """Key of CLASSES."""
    path: str = ""
    model: str = ""
    revision: str = ""
    digest: str = ""
    licence: str = ""
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A suite's file as data."""

    file: Path
    name: str
    title: str = ""
    description: str = ""
    version: str = ""
    fake: bool = False
    instruments: Mapping[str, Spec] = field(default_factory=dict)
    generators: Mapping[str, Spec] = field(default_factory=dict)
    heads: Mapping[str, Path] = field(default_factory=dict)
    """Method -> checkpoint, absolute; it need not exist yet."""
    world: Path | None = None

    @classmethod
    def read(cls, name_or_path: str | Path) -> Manifest:
        """The manifest of an embedded suite by name, or of a folder or .toml file by path."""
        file = _file_of(name_or_path)
        try:
            table = tomllib.loads(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SuiteError(f"suite file {file} cannot be read: {error}") from error
        return _Reader(file, "the top").manifest(table)

    def origin(self, spec: Spec) -> Origin:
        """Where the weights lie; MissingWeights when they are not on this machine."""
        folder = self.file.parent / spec.path if spec.path else _cached(spec, self.name)
        origin = Origin(folder, spec.model, spec.revision, spec.licence, spec.digest, self.name)
        if not folder.is_dir():
            raise origin.missing()
        return origin

    def head(self, method: str) -> Path:
        """The checkpoint of a method; MissingHead names the command that makes it."""
        path = self.heads.get(method)
        if path is None or not path.is_file():
            listed = ", ".join(sorted(name for name, head in self.heads.items() if head.is_file())) or "none"
            raise MissingHead(
                f"suite {self.name!r} has no trained head for method {method!r} (it has: {listed}): make one with "
                f"`unprompt train {method} --evidence DIR --out CHECKPOINT` and name it under [heads] in {self.file}"
            )
        return path


def embedded() -> list[str]:
    """Names of the suites that the package carries, sorted."""
    return sorted(file.parent.name for file in _shelf().glob("*/suite.toml"))


def _shelf() -> Path:
    return Path(str(resources.files("unprompt"))) / "suites"


def _file_of(name_or_path: str | Path) -> Path:
    if isinstance(name_or_path, str) and name_or_path in embedded():
        return _shelf() / name_or_path / "suite.toml"
    path = Path(name_or_path)
    file = path / "suite.toml" if path.is_dir() else path
    if file.suffix != ".toml" or not file.is_file():
        raise SuiteError(
            f"no suite {str(name_or_path)!r}: expected one of {', '.join(embedded()) or '(none embedded)'}, "
            "or the path of a suite's folder or .toml file"
        )
    return file.absolute()


def _cached(spec: Spec, suite: str) -> Path:
    """The folder of the hub's local cache; nothing is fetched."""
    from huggingface_hub import constants, snapshot_download  # Here, since most suites lie in folders.
    from huggingface_hub.errors import LocalEntryNotFoundError

    revision = spec.revision or "main"
    try:
        return Path(snapshot_download(spec.model, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError) as error:
        raise Origin(Path(constants.HF_HUB_CACHE), spec.model, suite=suite).missing(f"revision {revision}") from error


@dataclass(frozen=True)
class _Reader:
    """Takes a TOML table apart; every error names the file and the place in it."""

    file: Path
    place: str

    def manifest(self, table: dict[str, Any]) -> Manifest:
        heads = {method: self._beside(path) for method, path in self.strings(table, "heads").items()}
        world = self.take(table, "world", str, "")
        made = Manifest(
            self.file,
            name=self.take(table, "name", str, self.file.parent.name),
            title=self.take(table, "title", str, ""),
            description=self.take(table, "description", str, ""),
            version=self.take(table, "version", str, ""),
            fake=self.take(table, "fake", bool, False),
            instruments=self.specs(table, "instruments"),
            generators=self.specs(table, "generators"),
            heads=heads,
            world=self._beside(world) if world else None,
        )
        self.nothing_else(table)
        self.one_of("role", made.instruments, ROLES)
        return made

    def specs(self, table: dict[str, Any], key: str) -> dict[str, Spec]:
        entries = self.take(table, key, dict, {})
        return {name: _Reader(self.file, f"[{key}.{name}]").spec(entry) for name, entry in entries.items()}

    def spec(self, table: Any) -> Spec:
        if not isinstance(table, dict):
            raise self.wrong(f"expected a table, got {table!r}")
        texts = {name: self.take(table, name, str, "") for name in ("path", "model", "revision", "digest", "licence")}
        made = Spec(self.take(table, "class", str, ""), **texts, parameters=self.take(table, "parameters", dict, {}))
        self.nothing_else(table)
        self.one_of("class", [made.kind], CLASSES)
        if bool(made.path) == bool(made.model):
            raise self.wrong(f"expected either path or model, got path = {made.path!r} and model = {made.model!r}")
        return made

    def strings(self, table: dict[str, Any], key: str) -> dict[str, str]:
        entries = self.take(table, key, dict, {})
        return {name: self.take(dict(entries), name, str, "") for name in entries}

    def take(self, table: dict[str, Any], key: str, kind: type[T], default: T) -> T:
        """The value of ``key``, taken out of the table."""
        value = table.pop(key, default)
        if not isinstance(value, kind):
            raise self.wrong(f"{key} must be of type {kind.__name__}, got {value!r}")
        return value

    def nothing_else(self, table: dict[str, Any]) -> None:
        if table:
            raise self.wrong(f"unknown keys {', '.join(sorted(table))}")

    def one_of(self, what: str, names: Any, known: Mapping[str, str]) -> None:
        for name in names:
            if name not in known:
                raise self.wrong(f"unknown {what} {name!r}: expected one of {', '.join(known)}")

    def wrong(self, what: str) -> SuiteError:
        return SuiteError(f"suite file {self.file}, at {self.place}: {what}")

    def _beside(self, path: str) -> Path:
        return self.file.parent / path

"""A suite's file and back: TOML into a :class:`Manifest`, with the place in every error, and a manifest into TOML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ArgsKwargs

from unprompt.errors import SuiteError
from unprompt.instruments.digests import file_digest, folder_digest
from unprompt.instruments.manifest import Manifest
from unprompt.instruments.specs import GeneratorSpec, Spec
from unprompt.structured_text import read_toml
from unprompt.validation import Misfit

_TEXTS = ("path", "model", "url", "revision", "digest", "licence")


def parse(file: Path) -> Manifest:
    """The manifest in a file; SuiteError for anything else."""
    try:
        table = read_toml(file)
    except (OSError, ValueError) as error:
        raise SuiteError(f"suite file {file} cannot be read: {error}", path=file) from error
    fields = ArgsKwargs((file,), {"name": file.parent.name} | table)
    try:
        made: Manifest = TypeAdapter(Manifest).validate_python(fields, by_alias=True, by_name=False)
    except ValidationError as error:
        wrong = Misfit.of(error, Manifest)
        *tables, name = wrong.place if wrong.expected else (*wrong.place, "")
        place = f"[{'.'.join(tables)}]" if tables else "the top"
        raise SuiteError(f"suite file {file}, at {place}: {wrong.message(name)}", path=file) from error
    heads = {method: made.inside(head) for method, head in made.heads.items()}
    fallbacks = {method: made.inside(head) for method, head in made.fallbacks.items()}
    digests = {str(file.parent / name): digest for name, digest in made.digests.items()}
    world = made.inside(made.world) if made.world else None
    named = (*heads.values(), *fallbacks.values(), world, *(made.inside(path) for path in made.fitted))
    if strange := sorted(digests.keys() - set(map(str, named))):
        raise SuiteError(
            f"suite file {file}, at [digests]: {strange[0]} is neither a head of this suite, nor its world check, nor "
            "fitted on a lane, expected paths as [heads], [fallbacks], world and [lanes] name them",
            path=file,
        )
    for spec in made.specs():
        made.inside(spec.path)
    return replace(made, heads=heads, fallbacks=fallbacks, digests=digests, world=world)


def to_toml(manifest: Manifest) -> str:
    """The text that :func:`parse` reads as this manifest, its paths as they stand beside the file."""
    return "\n".join(_lines(manifest)) + "\n"


def pin(file: Path) -> None:
    """Write into a suite's file the SHA-256 of the heads, of the world check and of what was fitted on its lanes.

    So is the digest of each model beside the file for which one is stated, unless it is built on a trunk.
    """
    manifest = parse(file)
    named = [*manifest.heads.values(), *manifest.fallbacks.values(), *([manifest.world] if manifest.world else [])]
    named += map(manifest.inside, manifest.fitted)
    digests = {str(path): file_digest(path) for path in named if path.is_file()}
    instruments = {role: _pinned(manifest, spec) for role, spec in manifest.instruments.items()}
    file.write_text(to_toml(replace(manifest, digests=digests, instruments=instruments)), "utf-8")


def _pinned(manifest: Manifest, spec: Spec) -> Spec:
    if not (spec.path and spec.digest) or "trunk" in spec.parameters:
        return spec
    found = folder_digest(manifest.inside(spec.path), spec.build().files)
    return replace(spec, digest=found) if found else spec


def _lines(manifest: Manifest) -> Iterator[str]:
    for name in ("name", "title", "description", "version"):
        yield f"{name} = {_value(getattr(manifest, name))}"
    yield f"fake = {_value(manifest.fake)}"
    yield f"colour_only = {_value(manifest.colour_only)}"
    beside = manifest.file.parent
    if manifest.world:
        yield f"world = {_value(manifest.world.relative_to(beside).as_posix())}"
    for title, table in (("heads", manifest.heads), ("fallbacks", manifest.fallbacks)):
        yield from [f"[{title}]"] if table or title == "heads" else []
        for method, path in table.items():
            yield f"{_value(method)} = {_value(path.relative_to(beside).as_posix())}"
    yield from ["[digests]"] if manifest.digests else []
    for name, digest in manifest.digests.items():
        yield f"{_value(Path(name).relative_to(beside).as_posix())} = {_value(digest)}"
    for name, lane in manifest.lanes.items():
        yield f"[lanes.{_value(name)}]"
        yield from [f"fitted = {_value(lane.fitted)}"] if lane.fitted else []
        yield f"parameters = {_inline(lane.parameters)}"
    tables: dict[str, Spec] = {f"instruments.{role}": spec for role, spec in manifest.instruments.items()}
    for method, own in manifest.methods.items():
        yield from [f"[methods.{_value(method)}]", f"options = {_inline(own.options)}"] if own.options else []
        tables |= {f"methods.{_value(method)}.instruments.{role}": spec for role, spec in own.instruments.items()}
    tables |= {f"generators.{_value(name)}": spec for name, spec in manifest.generators.items()}
    for place, spec in tables.items():
        yield f"[{place}]"
        yield f"class = {_value(spec.kind)}"
        yield from (f"{name} = {_value(getattr(spec, name))}" for name in _TEXTS if getattr(spec, name))
        yield from [f"wheel = {_inline(asdict(spec.wheel))}"] if spec.wheel else []
        yield f"parameters = {_inline(spec.parameters)}"
        yield f"needs = {_inline(asdict(spec.needs))}"
        if isinstance(spec, GeneratorSpec) and spec.candidate:
            yield "candidate = true"


def _inline(table: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{_value(name)} = {_value(value)}" for name, value in table.items()) + " }"


def _value(value: Any) -> str:
    """Texts, numbers, truth values and lists are written alike in JSON and in TOML, but for one character."""
    if isinstance(value, Mapping):
        return _inline(value)
    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")

"""A suite's file and back: TOML into a :class:`Manifest`, with the place in every error, and a manifest into TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from unprompt.errors import SuiteError
from unprompt.instruments.manifest import CLASSES, ROLES, Manifest, Needs, Spec

T = TypeVar("T")

_TEXTS = ("path", "model", "url", "revision", "digest", "licence")


def parse(file: Path) -> Manifest:
    """The manifest in a file; SuiteError for anything else."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SuiteError(f"suite file {file} cannot be read: {error}") from error
    return _Reader(file, "the top").manifest(table)


def to_toml(manifest: Manifest) -> str:
    """The text that :func:`parse` reads as this manifest, its paths as they stand beside the file."""
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: Manifest) -> Iterator[str]:
    for name in ("name", "title", "description", "version"):
        yield f"{name} = {_value(getattr(manifest, name))}"
    yield f"fake = {_value(manifest.fake)}"
    beside = manifest.file.parent
    if manifest.world:
        yield f"world = {_value(manifest.world.relative_to(beside).as_posix())}"
    yield "[heads]"
    for method, path in manifest.heads.items():
        yield f"{_value(method)} = {_value(path.relative_to(beside).as_posix())}"
    tables = {f"instruments.{role}": spec for role, spec in manifest.instruments.items()}
    for method, own in manifest.methods.items():
        tables |= {f"methods.{_value(method)}.instruments.{role}": spec for role, spec in own.items()}
    tables |= {f"generators.{_value(name)}": spec for name, spec in manifest.generators.items()}
    for place, spec in tables.items():
        yield f"[{place}]"
        yield f"class = {_value(spec.kind)}"
        yield from (f"{name} = {_value(getattr(spec, name))}" for name in _TEXTS if getattr(spec, name))
        yield f"parameters = {_inline(spec.parameters)}"
        yield f"needs = {_inline(asdict(spec.needs))}"
        if spec.candidate:
            yield "candidate = true"


def _inline(table: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{_value(name)} = {_value(value)}" for name, value in table.items()) + " }"


def _value(value: str | int | float | bool) -> str:
    """Texts, numbers and truth values are written alike in JSON and in TOML, but for one character."""
    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")


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
            methods=self.methods(table),
            generators=self.specs(table, "generators"),
            heads=heads,
            world=self._beside(world) if world else None,
        )
        self.nothing_else(table)
        return made

    def methods(self, table: dict[str, Any]) -> dict[str, dict[str, Spec]]:
        made = {}
        for method, entry in self.take(table, "methods", dict, {}).items():
            reader = _Reader(self.file, f"[methods.{method}]")
            if not isinstance(entry, dict):
                raise reader.wrong(f"expected a table, got {entry!r}")
            made[method] = reader.specs(entry, "instruments", f"methods.{method}.instruments")
            reader.nothing_else(entry)
        return made

    def specs(self, table: dict[str, Any], key: str, place: str = "") -> dict[str, Spec]:
        entries = self.take(table, key, dict, {})
        if key == "instruments":
            self.one_of("role", entries, ROLES)
        return {name: _Reader(self.file, f"[{place or key}.{name}]").spec(entry) for name, entry in entries.items()}

    def spec(self, table: Any) -> Spec:
        if not isinstance(table, dict):
            raise self.wrong(f"expected a table, got {table!r}")
        texts = {name: self.take(table, name, str, "") for name in _TEXTS}
        kind, parameters = self.take(table, "class", str, ""), self.take(table, "parameters", dict, {})
        needs = self.needs(self.take(table, "needs", dict, {}))
        candidate = self.place.startswith("[generators.") and self.take(table, "candidate", bool, False)
        made = Spec(kind, **texts, parameters=parameters, needs=needs, candidate=candidate)
        self.nothing_else(table)
        self.one_of("class", [made.kind], CLASSES)
        if not made.source:
            raise self.wrong("expected path, model or url, got none of them")
        if made.model and made.url:
            raise self.wrong(f"expected model or url, got model = {made.model!r} and url = {made.url!r}")
        return made

    def needs(self, table: dict[str, Any]) -> Needs:
        known = {name: float(self.take(table, name, (int, float), 0.0)) for name in ("disk", "memory", "work")}
        self.nothing_else(table)
        return Needs(**known)

    def strings(self, table: dict[str, Any], key: str) -> dict[str, str]:
        entries = self.take(table, key, dict, {})
        return {name: self.take(dict(entries), name, str, "") for name in entries}

    def take(self, table: dict[str, Any], key: str, kind: type[T] | tuple[type[T], ...], default: T) -> T:
        """The value of ``key``, taken out of the table."""
        value = table.pop(key, default)
        if not isinstance(value, kind):
            name = kind.__name__ if isinstance(kind, type) else kind[-1].__name__
            raise self.wrong(f"{key} must be of type {name}, got {value!r}")
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

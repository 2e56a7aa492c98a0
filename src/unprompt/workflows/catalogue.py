"""``unprompt suites``, ``methods`` and ``datasets``: what this installation knows. None of them loads a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unprompt.datasets import NAMES
from unprompt.detectors import EVERY
from unprompt.detectors.checkpoint import read_header
from unprompt.instruments import Manifest, embedded
from unprompt.instruments.manifest import shipped
from unprompt.workflows.fitting.spread import Spread


@dataclass(frozen=True)
class Listing:
    """One row of a catalogue."""

    name: str
    title: str
    details: str = ""
    licences: str = ""


def suites() -> list[Listing]:
    """The embedded suites, with the methods that each has heads for, and what its models may be used for."""
    manifests = [Manifest.read(shipped(name)) for name in embedded()]
    return [Listing(one.name, one.title, _heads(one), _licences(one)) for one in manifests]


def _heads(manifest: Manifest) -> str:
    return ", ".join(sorted(name for name, head in manifest.heads.items() if head.is_file()))


def _licences(manifest: Manifest) -> str:
    """Each licence with its models, in the order of the file."""
    models: dict[str, list[str]] = {}
    for spec in manifest.specs():
        if spec.licence and (name := spec.source.split("/")[-1]) not in models.setdefault(spec.licence, []):
            models[spec.licence].append(name)
    return "; ".join(f"{licence} ({', '.join(names)})" for licence, names in models.items())


def methods() -> list[Listing]:
    """The methods: the first line of what each says of itself, and how far its scores move with the noise."""
    manifests = [Manifest.read(shipped(name)) for name in embedded()]
    return [
        Listing(name, _first_line(made.__doc__), "; ".join(line for one in manifests for line in _moves(one, name)))
        for name, made in EVERY.items()
    ]


def datasets() -> list[Listing]:
    """The data specifications that ``--data`` takes."""
    return [Listing(f"{name}:", _first_line(load.__doc__)) for name, load in NAMES.items()]


def _moves(manifest: Manifest, method: str) -> Iterator[str]:
    """What the card of a suite's head says of the noise; nothing when that was not measured."""
    head = manifest.heads.get(method)
    found = read_header(head).figures.get("spread") if head is not None and head.is_file() else None
    if found is not None:
        yield f"{manifest.name}: {Spread(**found)}"


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]

"""``unprompt suites``, ``methods`` and ``datasets``: what this installation knows. None of them loads a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unprompt.datasets import NAMES
from unprompt.detectors import METHODS
from unprompt.detectors.checkpoint import read_header
from unprompt.instruments import Manifest, embedded
from unprompt.workflows.sources import LOADERS
from unprompt.workflows.spread import Spread


@dataclass(frozen=True)
class Entry:
    """One row of a catalogue."""

    name: str
    title: str
    details: str = ""


def suites() -> list[Entry]:
    """The embedded suites, with the methods that each has heads for."""
    manifests = [Manifest.read(name) for name in embedded()]
    return [
        Entry(one.name, one.title, ", ".join(sorted(name for name, head in one.heads.items() if head.is_file())))
        for one in manifests
    ]


def methods() -> list[Entry]:
    """The methods: the first line of what each says of itself, and how far its scores move with the noise."""
    manifests = [Manifest.read(name) for name in embedded()]
    return [
        Entry(name, _first_line(made.__doc__), "; ".join(line for one in manifests for line in _moves(one, name)))
        for name, made in METHODS.items()
    ]


def datasets() -> list[Entry]:
    """The data specifications that ``--data`` takes."""
    return [Entry(f"{name}:", _first_line(load.__doc__)) for name, load in {**NAMES, **LOADERS}.items()]


def _moves(manifest: Manifest, method: str) -> Iterator[str]:
    """What the card of a suite's head says of the noise; nothing when that was not measured."""
    head = manifest.heads.get(method)
    found = read_header(head).figures.get("spread") if head is not None and head.is_file() else None
    if found is not None:
        yield f"{manifest.name}: {Spread(**found)}"


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]

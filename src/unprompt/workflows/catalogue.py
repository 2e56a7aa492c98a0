"""``unprompt suites``, ``methods`` and ``datasets``: what this installation knows. None of them loads a model."""

from __future__ import annotations

from dataclasses import dataclass

from unprompt.datasets import NAMES
from unprompt.detectors import EVERY
from unprompt.instruments import Manifest, embedded
from unprompt.workflows.sources import LOADERS


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
    """The methods, with the first line of what each says of itself."""
    return [Entry(name, _first_line(made.__doc__)) for name, made in EVERY.items()]


def datasets() -> list[Entry]:
    """The data specifications that ``--data`` takes."""
    return [Entry(f"{name}:", _first_line(load.__doc__)) for name, load in {**NAMES, **LOADERS}.items()]


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]

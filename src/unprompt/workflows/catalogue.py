"""``unprompt suites``, ``methods`` and ``datasets``: what this installation knows. None of them loads a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unprompt.datasets import NAMES
from unprompt.detectors import EVERY
from unprompt.detectors.checkpoint import read_header
from unprompt.errors import CheckpointError, OptionError
from unprompt.instruments import Manifest, embedded
from unprompt.instruments.lanes import EXACT
from unprompt.instruments.shelf import shipped
from unprompt.workflows.fitting.spread import Spread


@dataclass(frozen=True)
class Listing:
    """One row of a catalogue."""

    name: str
    title: str
    details: str = ""
    licences: str = ""
    lanes: str = ""


def suites() -> list[Listing]:
    """The embedded suites, with the methods that each has heads for, its lanes, and what its models may be used for."""
    manifests = [Manifest.read(shipped(name)) for name in embedded()]
    heads = [", ".join(sorted(name for name, head in one.heads.items() if head.is_file())) for one in manifests]
    return [
        Listing(one.name, one.title, own, _licences(one), ", ".join([EXACT, *one.lanes]))
        for one, own in zip(manifests, heads, strict=True)
    ]


def _licences(manifest: Manifest) -> str:
    """Each licence with its models, in the order of the file."""
    models: dict[str, list[str]] = {}
    for spec in manifest.specs():
        if spec.licence and (name := spec.source.split("/")[-1]) not in models.setdefault(spec.licence, []):
            models[spec.licence].append(name)
    return "; ".join(f"{licence} ({', '.join(names)})" for licence, names in models.items())


def methods() -> list[Listing]:
    """The methods: the first line of each one's docstring, and how far its scores move with the noise."""
    manifests = [Manifest.read(shipped(name)) for name in embedded()]
    return [
        Listing(name, _first_line(method.__doc__), "; ".join(line for one in manifests for line in _moves(one, name)))
        for name, method in EVERY.items()
    ]


def datasets() -> list[Listing]:
    """The data specifications that ``--data`` takes."""
    return [Listing(f"{name}:", _first_line(load.__doc__)) for name, load in NAMES.items()]


def _moves(manifest: Manifest, method: str) -> Iterator[str]:
    """The spread in the card of a suite's head; nothing when it was not measured."""
    head = manifest.heads.get(method)
    spread = read_header(head).figures.get("spread") if head is not None and head.is_file() else None
    if spread is not None:
        try:
            yield f"{manifest.name}: {Spread(**spread)}"
        except (TypeError, OptionError) as error:
            raise CheckpointError(f"{head} has no sound spread among its figures ({error}): train it again") from error


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]

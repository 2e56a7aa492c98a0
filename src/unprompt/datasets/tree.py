"""Published benchmarks as they lie on disk: what their loaders share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final, NoReturn

from unprompt.datasets.aliases import split_of
from unprompt.datasets.files import walk
from unprompt.errors import DataError
from unprompt.generators import normalise_name
from unprompt.types import GENERATED, Sample, Split

VALIDATION_SHARE: Final = 0.1
"""Share of a train split that becomes the validation split where a benchmark has none of its own."""
_SHOWN: Final = 12
"""Folders that an error names at most."""

Folders = tuple[str, ...]
"""Names of the folders from a benchmark's root down to a file, without the file's own."""


@dataclass(frozen=True)
class Benchmark:
    """One published dataset: how its tree looks, and what a file's place in it means."""

    name: str
    tree: str
    """The expected tree in one line, for errors."""
    generators: Mapping[str, str]
    """Folder name, :func:`normalise_name` -> name of the generator or collection: see
    :func:`~unprompt.generators.folder_names`."""
    describe: Callable[[str, Folders], Sample | None]
    """Path and folders -> sample; None for a file beside the dataset. DataError for a place that means nothing."""
    pairs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Generator -> collections of real pictures that several generators share; without one it has its own."""
    beside: frozenset[str] = frozenset()
    """Folders that are not entered, :func:`normalise_name`."""

    def generator(self, folder: str) -> str | None:
        """The generator that a folder's name means, whatever its case and punctuation."""
        return self.generators.get(normalise_name(folder))

    def partners(self, generator: str) -> frozenset[str]:
        """Names under which the real pictures for ``generator`` go."""
        return self.pairs.get(generator, frozenset()) | {generator}


@dataclass(frozen=True)
class Selection:
    """What ``ROOT[/generator][/split]`` asks for."""

    root: str
    generator: str | None = None
    split: Split | None = None


def load_benchmark(benchmark: Benchmark, argument: str) -> list[Sample]:
    """The samples of ``ROOT[/generator][/split]``, in sorted order; whatever lies in a labelled folder is one.

    A chosen generator comes with the real pictures that it is measured against. Raises DataError that states where
    was looked, what was found and what was expected.
    """
    chosen = select(benchmark, argument)
    if not os.path.isdir(chosen.root):
        _refuse(benchmark, chosen.root)

    def enter(name: str) -> bool:
        other = benchmark.generator(name)
        wanted = chosen.generator is None or other is None or other in benchmark.partners(chosen.generator)
        return wanted and normalise_name(name) not in benchmark.beside

    found = (
        benchmark.describe(os.path.join(chosen.root, inner), PurePath(inner).parts[:-1])
        for inner in walk(chosen.root, enter)
    )
    samples = [sample for sample in found if sample is not None]
    kept = [sample for sample in samples if _wanted(sample, chosen, benchmark)]
    if not any(sample.label == GENERATED for sample in kept):
        _refuse(benchmark, argument)
    return kept


def holdout_split(key: str) -> Split:
    """Validation for :data:`VALIDATION_SHARE` of all keys, else train: by the key's hash, so for ever and everywhere.

    >>> holdout_split("n01440764_10026"), holdout_split("000_sdv4_00002")
    ('train', 'validation')
    """
    share = int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()[:4], "big") / 2**32
    return "validation" if share < VALIDATION_SHARE else "train"


def bad_layout(uri: str, tree: str) -> NoReturn:
    """DataError: this file's folders do not say what it is."""
    raise DataError(f"{uri}: its folders do not tell its generator and split; expected {tree}")


def select(benchmark: Benchmark, argument: str) -> Selection:
    """The longest tail of ``argument`` that names a generator, a split or both is a choice; the rest is the root."""
    path = os.path.normpath(argument) if argument else ""
    above, last = os.path.split(path)
    root, generator = os.path.split(above)
    split, known = split_of(last), benchmark.generator(generator)
    if split is not None and known is not None:
        return Selection(root or ".", known, split)
    if split is not None:
        return Selection(above or ".", None, split)
    if (alone := benchmark.generator(last)) is not None:
        return Selection(above or ".", alone)
    return Selection(path)


def _wanted(sample: Sample, chosen: Selection, benchmark: Benchmark) -> bool:
    if chosen.split not in (None, sample.split):
        return False
    if chosen.generator is None or sample.generator == chosen.generator:
        return True
    return sample.label != GENERATED and sample.generator in benchmark.partners(chosen.generator)


def _refuse(benchmark: Benchmark, argument: str) -> NoReturn:
    if os.path.isdir(argument):
        looked, folders = f"in {argument!r}", [name for name in _names(argument) if os.path.isdir(f"{argument}/{name}")]
        found = f"found no generated picture where one belongs, and the folders {_listed(folders)}"
    else:
        there = next((str(one) for one in Path(argument).parents if os.path.isdir(one)), os.curdir)
        looked = f"for {argument!r}"
        found = f"found no such choice; {there!r} holds {_listed(_names(there))}"
    raise DataError(
        f"{benchmark.name}: looked {looked}; {found}; expected {benchmark.tree}: "
        f"give {benchmark.name}:ROOT[/generator][/split] with ROOT the folder above these"
    )


def _names(folder: str) -> list[str]:
    """What is in a folder, sorted; nothing where it cannot be listed."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "nothing") + more

"""Which pictures of what is on disk a recipe takes."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final

from unprompt import datasets
from unprompt.datasets import NAMES, partners
from unprompt.errors import OptionError
from unprompt.evaluation import Column, FigureRecipe, Recipe, RecipeRow, TableRecipe, TrainingSet
from unprompt.evaluation.recipe import EVERY_COLUMN
from unprompt.generators import matching_names
from unprompt.types import GENERATED, REAL, SPLITS, Label, Sample, Split

MINIATURE: Final = "miniature"
OWN_INDEX: Final = ("folder", "manifest", "huggingface")
"""Loaders of data that is no benchmark, whose names of generators are whatever somebody wrote."""


@dataclass(frozen=True)
class SampleCount:
    """So many pictures of one origin in one split."""

    split: Split | None
    label: Label
    generator: str
    pictures: int


@dataclass(frozen=True)
class Learned:
    """What a head learns from: generators of the data, and of each so many pictures, 0 = all."""

    generators: tuple[str, ...] = ()
    pictures: int = 0


@dataclass(frozen=True)
class RecipeSamples:
    """What a recipe takes of the pictures that there are."""

    samples: tuple[Sample, ...]
    """Of all rows together."""
    sets: Mapping[Learned, frozenset[str]]
    """What is learned from -> uris of it and of what such a row is tested on; the table's first."""
    rows: Mapping[str, Learned]
    """Row -> what it learns from."""
    columns: tuple[Column, ...]
    """Test sets that there are; the data's own where they stand in for the paper's."""
    candidates: tuple[Column, ...]
    """Of a table of attribution: the generators that are told from all others."""
    absent: tuple[Column, ...]
    """The paper's test sets that there are not."""
    standing_in: bool
    """The data has none of the paper's generators."""
    problems: tuple[str, ...]
    """Why nothing can be trained or tested."""
    data: tuple[str, ...] = ()
    """Where they come from, as data specifications."""
    short: tuple[str, ...] = ()
    """Where the data has fewer pictures to learn from than the recipe asks for."""

    @property
    def learned(self) -> tuple[str, ...]:
        """Generators whose pictures the table's rows learn from, where they name no others."""
        return next(iter(self.sets)).generators

    def left_out(self, row: RecipeRow) -> tuple[str, ...]:
        """The generators that its heads do without, a head each; one empty name where it leaves none out."""
        return tuple(one.generator for one in self.columns) if row.leave_out else ("",)

    def learned_by(self, row: RecipeRow, without: str = "") -> tuple[str, ...]:
        """As :attr:`learned`, of one row, or of its head ``without`` a generator."""
        return tuple(one for one in self.rows[row.name].generators if one != without)

    def subset(self, row: RecipeRow, without: str = "") -> frozenset[str]:
        """Uris of what a row, or its head ``without`` a generator, learns from and is tested on."""
        own = self.sets[self.rows[row.name]]
        if not without:
            return own
        made = (one for one in self.samples if (one.label, one.generator) == (GENERATED, without))
        return own - {one.uri for one in made if one.split != "test"}

    def number_learned(self, row: RecipeRow, without: str = "") -> int:
        """Of both classes."""
        own = self.subset(row, without)
        return sum(one.split == "train" and one.uri in own for one in self.samples)

    def fewest(self, row: RecipeRow) -> int:
        """Pictures to learn from of the generator that has the fewest, or of the real ones."""
        own = self.subset(row)
        there = Counter(_trained_on(one) for one in self.samples if one.uri in own)
        return min(there[name] for name in ("", *self.learned_by(row)))

    def cells(self) -> list[SampleCount]:
        """Counts in the order of the splits, real pictures first."""
        counts = Counter((one.split, one.label, one.generator) for one in self.samples if one.label is not None)
        order = {split: place for place, split in enumerate(SPLITS)}
        keys = sorted(counts, key=lambda key: (order.get(key[0], 3) if key[0] else 3, key[1], key[2]))
        return [SampleCount(*key, counts[key]) for key in keys]

    def pairs(self) -> dict[str, str]:
        """Generator -> collection of its real pictures, where the recipe names it."""
        real = {one.generator for one in self.samples if one.label == REAL}
        return {one.generator: one.real for one in self.columns if one.real in real}


def specs_of(recipe: Recipe, data: Sequence[str], suite: str) -> list[str]:
    """Data specifications: a bare root is for the recipe's own loader; none is the little world with its own suite."""
    if not data and suite == MINIATURE:
        return [f"{MINIATURE}:"]
    if not data:
        raise OptionError(f"--data is missing, expected the root of {recipe.loader} or a data specification")
    return [one if one.partition(":")[0] in NAMES and ":" in one else _rooted(recipe, one) for one in data]


def select(
    recipe: TableRecipe | FigureRecipe,
    specs: Sequence[str],
    train: Sequence[str] | None = None,
    pictures: int | None = None,
) -> RecipeSamples:
    """The recipe's pictures of these data; ``pictures`` keeps so many of each label, generator and split.

    Where the data has none of the paper's generators, all that it has are tested on, and the recipe's stand-in is
    learned from; ``train`` names others.
    """
    if pictures is not None and pictures < 1:
        raise OptionError(f"--pictures is {pictures}, expected 1 or more of each label, generator and split")
    trainings = recipe.trainings
    named = [one.generator for one in recipe.columns] + [name for one in trainings for name in one.generators]
    found = [one for spec in specs for one in _loaded(spec, named)]
    labelled = list({one.uri: one for one in found if one.label is not None}.values())
    there = _names(labelled, GENERATED, "test")
    columns = tuple(one for one in recipe.columns if one.generator in there)
    standing_in = not columns
    if standing_in:
        columns = tuple(Column(name, name) for name in sorted(there))
    made = sorted({one.generator for one in labelled if one.label == GENERATED})
    asked = tuple(one for name in train or () for one in matching_names(name, made) or [name])
    able = _names(labelled, GENERATED, "train")
    every = tuple(one.generator for one in columns if one.generator in able)
    sets = {one: _learned(one, standing_in, asked, every) for one in trainings or (None,)}
    kept: dict[Learned, list[Sample]] = {}
    for learned in sets.values():
        taken = _fewer(_taken(labelled, columns, learned.generators), learned.pictures, _trained_on)
        kept[learned] = _fewer(taken, pictures or 0, _kind)
    uris = {one.uri for samples in kept.values() for one in samples}
    leaving = [sets[recipe.training(row)] for row in recipe.rows if row.leave_out]
    candidates = recipe.candidates
    if candidates and standing_in:
        candidates = tuple(Column(name, name) for name in trainings[0].stand_in)
    return RecipeSamples(
        samples=tuple(one for one in labelled if one.uri in uris),
        sets={learned: frozenset(one.uri for one in samples) for learned, samples in kept.items()},
        columns=columns,
        candidates=candidates,
        absent=tuple(one for one in recipe.columns if one.generator not in there),
        standing_in=standing_in,
        problems=tuple(
            dict.fromkeys(
                [one for key, own in kept.items() for one in _problems(own, key.generators, columns, bool(trainings))]
                + [one for key in leaving for one in _not_left_out(kept[key], key.generators)]
            )
        ),
        rows={row.name: sets[recipe.training(row)] for row in recipe.rows},
        data=tuple(specs),
        short=tuple(one for key, own in kept.items() if not pictures for one in _short(own, key)),
    )


def _learned(train: TrainingSet | None, standing_in: bool, asked: tuple[str, ...], every: tuple[str, ...]) -> Learned:
    """Of the data's generators; ``asked`` takes the place of the recipe's, by the user's word."""
    if train is None:
        return Learned()
    named = train.stand_in if standing_in else train.generators
    return Learned(asked or (every if EVERY_COLUMN in train.generators else named), train.pictures)


def _short(samples: Sequence[Sample], learned: Learned) -> Iterator[str]:
    there = Counter(_trained_on(one) for one in samples)
    for name in learned.generators:
        if there[name] < learned.pictures:
            yield f"{there[name]} pictures by {name} to learn from, where the recipe asks for {learned.pictures}"


def _kind(sample: Sample) -> object:
    return sample.split, sample.label, sample.generator


def _trained_on(sample: Sample) -> object:
    """What a training set's number of pictures counts: those of one generator, and all real ones."""
    return None if sample.split != "train" else (sample.generator if sample.label == GENERATED else "")


def _loaded(spec: str, named: Sequence[str]) -> list[Sample]:
    """The samples, under the recipe's names for their generators where somebody's own index tells them.

    Another benchmark's keep theirs: pictures by the same generator are not yet the paper's test set.
    """
    samples = datasets.load(spec)
    name, colon, _ = spec.partition(":")
    if colon and name in NAMES and name not in OWN_INDEX:
        return samples
    there = {one.generator for one in samples}
    meant = {word: name for name in named for word in matching_names(name, there)}
    return [replace(one, generator=meant.get(one.generator, one.generator)) for one in samples]


def _rooted(recipe: Recipe, root: str) -> str:
    return root if Path(root).is_file() else f"{recipe.loader}:{root}"  # a file is a manifest


def _names(samples: Iterable[Sample], label: Label, split: Split) -> set[str]:
    return {one.generator for one in samples if one.label == label and one.split in (split, None)}


def _taken(samples: Sequence[Sample], columns: Sequence[Column], learned: Collection[str]) -> list[Sample]:
    """To learn from: the learned generators and their real pictures; to test on: the columns and theirs."""
    tested = {one.generator for one in columns}
    wanted: dict[tuple[Split | None, Label], set[str]] = defaultdict(set)
    for split in SPLITS:
        names = tested if split == "test" else set(learned)
        collections = _names(samples, REAL, split)
        shared = {one.generator: one.real for one in columns if one.real in collections}
        wanted[split, GENERATED] = names
        wanted[split, REAL] = {real for name in names for real in partners(name, collections, shared)}
        for label in (REAL, GENERATED):
            wanted[None, label] |= wanted[split, label]
    return [one for one in samples if one.label is not None and one.generator in wanted[one.split, one.label]]


def _fewer(samples: Sequence[Sample], count: int, key: Callable[[Sample], object]) -> list[Sample]:
    """So many of those with one key, 0 = all; those whose key is None stay whole."""
    groups: dict[object, list[Sample]] = defaultdict(list)
    for one in samples:
        groups[key(one)].append(one)
    chosen = {
        one.uri
        for name, group in groups.items()
        for one in (_lowest(group, count) if count and name is not None else group)
    }
    return [one for one in samples if one.uri in chosen]


def _lowest(samples: Sequence[Sample], count: int) -> list[Sample]:
    """By the hash of the last three names of the path: as good as by lot, and the same wherever the data lies."""

    def key(one: Sample) -> str:
        tail = "/".join(PurePath(one.uri).parts[-3:])
        return hashlib.sha256(tail.encode("utf-8", "surrogateescape")).hexdigest()

    return sorted(samples, key=lambda one: (key(one), one.uri))[:count]


def _problems(
    samples: Sequence[Sample], learned: Sequence[str], columns: Sequence[Column], trains: bool
) -> Iterable[str]:
    if not columns:
        yield "no generated picture in the test split: nothing can be tested"
    if trains and not learned:
        yield "no generator to learn from: name one of the data's with --train-on"
    for split in SPLITS[:2] if trains else ():
        there = _names(samples, GENERATED, split)
        for name in learned:
            if name not in there:
                yield f"no generated picture by {name} in the {split} split: add them, or name another with --train-on"
        if not _names(samples, REAL, split):
            yield f"no real picture in the {split} split that belongs to {', '.join(learned) or 'it'}: add some"
    if columns and not _names(samples, REAL, "test"):
        yield "no real picture in the test split: add some"


def _not_left_out(samples: Sequence[Sample], learned: Sequence[str]) -> Iterator[str]:
    if len(learned) == 1:
        yield (
            f"{learned[0]} alone has pictures to learn from, and is to be left out: expected two generators or more; "
            "add another's, or name two with --train-on"
        )
    loose = {one.generator for one in samples if one.label == GENERATED and one.split is None}
    if loose:
        yield f"pictures by {', '.join(sorted(loose))} are in no split, to be left out of: name it in a manifest"

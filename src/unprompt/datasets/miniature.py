"""``miniature:`` on disk: photographs of rendered scenes, and of what generators draw from the captions of others.

A suite's candidates draw for all splits, every further generator for the test split alone: no head has seen it. Of an
unseen generator the suite has pictures of the plain camera, but no weights. Scenes and drawings pass the same camera.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from unprompt.datasets.manifest import load_manifest
from unprompt.errors import DataError
from unprompt.instruments import Suite
from unprompt.instruments.cache import cache_folder
from unprompt.instruments.digests import folder_digest
from unprompt.scenes.camera import CAMERAS, PLAIN, Camera, photograph
from unprompt.scenes.corpus import HEAD_SEEDS, SIZE
from unprompt.scenes.render import render
from unprompt.scenes.scene import WORLD_VERSION, Scene
from unprompt.store import fingerprint, write_aside
from unprompt.structured_text import read_object
from unprompt.types import GENERATED, REAL, RGB, Label, Sample, Split

if TYPE_CHECKING:
    from unprompt.instruments.base import Generator

log = logging.getLogger(__name__)

BATCH: Final = 32
"""Pictures that are made together; which ones depends on nothing but the counts."""
DRAWN_SEEDS: Final = 500_000
"""This far behind a split's real scenes lie those whose captions the generators draw."""
SCENES: Final = "scenes"
"""Name of the collection of real pictures."""
MANIFEST: Final = "manifest.csv"
RECIPE: Final = "recipe.json"

FILES: Final = ("**/*.json", "**/*.txt", "**/*.safetensors")
"""What of a generator's folder moves its drawings."""

UNSEEN: Final = "outsiders"
"""Folder of the suite with a folder of photographs for each unseen generator, by the seeds of the scenes it drew."""

Make = Callable[[Sequence[int]], Sequence[RGB]]
"""Scene seeds -> pictures before the camera."""
Shoot = Callable[[Sequence[int]], Sequence[bytes]]
"""Scene seeds -> JPEG files behind the camera."""


@dataclass(frozen=True)
class Counts:
    """Pictures of a family in each split."""

    train: int
    validation: int
    test: int


DEFAULT: Final = Counts(200, 100, 100)
"""What the data specification makes if it does not tell: a few minutes of drawing."""


@dataclass(frozen=True)
class Family:
    """Pictures of one origin in one split: their folder, their seeds, and where they come from."""

    name: str
    label: Label
    split: Split
    seeds: Sequence[int]
    shoot: Shoot

    def path(self, seed: int) -> str:
        """Relative to the data folder."""
        return f"real/{seed}.jpg" if self.label == REAL else f"generated/{self.name}/{seed}.jpg"


def load_miniature(argument: str) -> list[Sample]:
    """The embedded suite's synthetic scenes, and what its generators draw of others; made at first use.

    FOLDER[?train=N&validation=N&test=N&camera=NAME&families=SUITE]. Without FOLDER, one in the user's cache, named
    after the package's version. Counts are of each family in a split, 200, 100 and 100 if not told; of ``flow`` there
    are at most 300. ``camera=phone`` demosaics, denoises, sharpens, resizes and compresses more strongly than the
    plain one, which the shipped heads know: little is left of what neighbouring pixels were. It has no pictures of
    ``flow``. The generators of ``families``, another suite by name or path, draw too: those that ``make laboratory``
    trains, or yours.
    """
    named, _, asked = argument.partition("?")
    counts, camera, further = _asked(argument, asked)
    own = f"miniature-{version('unprompt')}{'' if camera == 'plain' else f'-{camera}'}"
    folder = Path(named) if named else cache_folder() / own
    suites = [Suite.load(name) for name in ("miniature", further) if name]
    return load_manifest(str(materialise(folder, suites, counts, CAMERAS[camera]) / MANIFEST))


def materialise(folder: Path, suites: Sequence[Suite], counts: Counts, camera: Camera = PLAIN) -> Path:
    """Fill ``folder`` with JPEG files and ``manifest.csv``, and return it; what lies there already is not made again.

    Same suites, counts and camera, same bytes, however often runs were interrupted. Raises DataError when the folder
    was filled by other generators or another camera, or where two suites have generators of one name.
    """
    _check(folder / RECIPE, _recipe(suites, camera))
    families = list(_families(suites, counts, camera))
    for family in families:
        _fill(folder, family)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["path", "label", "generator", "split"])
    for family in families:
        rows.writerows([family.path(seed), family.label, family.name, family.split] for seed in family.seeds)
    put(folder / MANIFEST, table.getvalue().encode())
    return folder


def photographs(make: Make, seeds: Sequence[int], camera: Camera = PLAIN) -> list[bytes]:
    """JPEG files of what ``make`` makes; a scene's seed is also that of its photograph."""
    return [photograph(rgb, seed, camera) for rgb, seed in zip(make(seeds), seeds, strict=True)]


def scenes(seeds: Sequence[int]) -> list[RGB]:
    """The real pictures, 64 x 64."""
    return [render(Scene.sample(seed), SIZE).picture for seed in seeds]


def prompted(generator: Generator) -> Make:
    """What it draws of the scenes' captions, the seed being also that of its noise."""

    def make(seeds: Sequence[int]) -> list[RGB]:
        return generator.regenerate([Scene.sample(seed).caption for seed in seeds], list(seeds))

    return make


def drawings(suite: Suite, name: str) -> Make:
    """What a generator of the suite draws."""
    return lambda seeds: prompted(suite.generator(name))(seeds)  # noqa: PLW0108  # loaded at the first drawing


def drawing_suites(suites: Sequence[Suite]) -> dict[str, Suite]:
    """Generator -> the suite that has it; DataError where two have one of that name."""
    found: dict[str, Suite] = {}
    for suite in suites:
        for name in suite.generators:
            if name in found:
                raise DataError(
                    f"generator {name!r} is in suite {found[name].name!r} and in {suite.name!r}: expected one of that "
                    f"name, rename it in {suite.manifest.file}"
                )
            found[name] = suite
    return found


def unseen_generators(suites: Sequence[Suite], camera: Camera = PLAIN) -> dict[str, Path]:
    """Name -> folder of photographs, sorted by name; none by a camera that they did not pass."""
    if camera != PLAIN:
        return {}
    folders = [folder for suite in suites for folder in (suite.manifest.file.parent / UNSEEN).glob("*/")]
    return {folder.name: folder for folder in sorted(folders)}


def kept(folder: Path, seeds: Sequence[int]) -> list[bytes]:
    """An unseen generator's photographs."""
    return [(folder / f"{seed}.jpg").read_bytes() for seed in seeds]


def prompt_seeds(split: Split, count: int) -> range:
    """Seeds of the scenes of a split whose captions every generator draws."""
    first = HEAD_SEEDS[split] + DRAWN_SEEDS
    return range(first, first + count)


def _asked(argument: str, asked: str) -> tuple[Counts, str, str]:
    """What stands behind the question mark, above the defaults: counts, the camera's name, and a further suite's."""
    told, known = dict(parse_qsl(asked, keep_blank_values=True)), asdict(DEFAULT)
    camera, families = told.pop("camera", "plain"), told.pop("families", "")
    if camera not in CAMERAS:
        raise DataError(f"got miniature:{argument} with camera={camera}; expected one of {', '.join(CAMERAS)}")
    for name, count in told.items():
        if name not in known or not (count.isdecimal() and int(count)):
            raise DataError(
                f"got miniature:{argument} with {name}={count}; expected {', '.join(known)} with 1 or more pictures, "
                "or camera or families, as miniature:FOLDER?train=1000&test=300&camera=phone"
            )
    return replace(DEFAULT, **{name: int(count) for name, count in told.items()}), camera, families


def _families(suites: Sequence[Suite], counts: Counts, camera: Camera) -> Iterator[Family]:
    def shot(make: Make) -> Shoot:
        return partial(photographs, make, camera=camera)

    for split, first in HEAD_SEEDS.items():
        count = getattr(counts, split)
        yield Family(SCENES, REAL, split, range(first, first + count), shot(scenes))
        for name, suite in drawing_suites(suites).items():
            if split == "test" or name in suite.candidates:
                yield Family(name, GENERATED, split, prompt_seeds(split, count), shot(drawings(suite, name)))
    for name, folder in unseen_generators(suites, camera).items():
        there = [seed for seed in prompt_seeds("test", counts.test) if (folder / f"{seed}.jpg").exists()]
        yield Family(name, GENERATED, "test", there, partial(kept, folder))


def _fill(folder: Path, family: Family) -> None:
    """Make the batches of which a picture is missing."""
    for start in range(0, len(family.seeds), BATCH):
        seeds = family.seeds[start : start + BATCH]
        missing = [seed for seed in seeds if not (folder / family.path(seed)).exists()]
        if not missing:
            continue
        made = dict(zip(seeds, family.shoot(seeds), strict=True))
        for seed in missing:
            put(folder / family.path(seed), made[seed])
        log.info(f"{family.name}, {family.split}: {start + len(seeds)} of {len(family.seeds)} pictures")


def _recipe(suites: Sequence[Suite], camera: Camera) -> dict[str, str]:
    """What moves the pictures of each family; no weights are loaded."""
    made = {SCENES: fingerprint(WORLD_VERSION, camera.version)}
    for name, suite in drawing_suites(suites).items():
        spec = suite.manifest.instruments[name] if name == "diffusion" else suite.manifest.generators[name]
        weights = folder_digest(suite.manifest.origin(spec).folder, FILES)
        made[name] = fingerprint(WORLD_VERSION, camera.version, weights, spec.parameters)
    unseen = unseen_generators(suites, camera)
    if taken := sorted(made.keys() & unseen.keys()):
        raise DataError(
            f"generator {taken[0]!r} of suite {drawing_suites(suites)[taken[0]].name!r} has the name of the pictures "
            f"in {unseen[taken[0]]}: expected another name, rename it in the suite's file"
        )
    return made | {name: folder_digest(folder, ("*.jpg",)) for name, folder in unseen.items()}


def _check(path: Path, recipe: Mapping[str, str]) -> None:
    """Keep the recipe beside the pictures; a family that was made by another one is a DataError."""
    try:
        stored = read_object(path) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): delete the folder {path.parent}") from error
    for name in sorted(stored.keys() & recipe.keys()):
        if stored[name] != recipe[name]:
            raise DataError(
                f"the pictures {name!r} in {path.parent} were made by {str(stored[name])[:12]}, this suite and edition "
                f"make them by {recipe[name][:12]}: delete that folder, or name another one with miniature:FOLDER"
            )
    put(path, json.dumps({**stored, **recipe}, indent=2, sort_keys=True).encode())


def put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; StoreError when it cannot be."""
    write_aside(path, lambda file: file.write(data))

"""A generator that is shipped as pictures: drawn once, then part of the data and of the examples."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from unprompt.datasets import load_manifest
from unprompt.datasets.miniature import Counts, materialise
from unprompt.errors import DataError
from unprompt.instruments import Suite
from unprompt.recipes.miniature import examples, unseen_generator
from unprompt.recipes.miniature.stage import BuildContext
from unprompt.scenes.camera import photograph
from unprompt.types import RGB


class Flow:
    """Paints each picture in the grey of its seed's last digits."""

    def __init__(self, origin: object) -> None: ...

    def regenerate(self, captions: Sequence[str], seeds: Sequence[int]) -> list[RGB]:
        assert all(caption.startswith("a") for caption in captions)
        return [np.full((64, 64, 3), seed % 100, np.uint8) for seed in seeds]


@pytest.fixture
def context(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildContext:
    shutil.copytree(fake, tmp_path / "suite")
    monkeypatch.setattr(unseen_generator, "PixelFlow", Flow)
    context = BuildContext(tmp_path, quick=True)
    monkeypatch.setattr(unseen_generator, "counts_of", lambda context: Counts(0, 0, 3))
    assert unseen_generator.make(context) == {"pictures": 11.0}
    shutil.move(context.suite / "outsiders" / "flow", context.suite / "outsiders" / "river")
    return context


def test_a_photograph_is_that_of_what_the_flow_draws(context: BuildContext) -> None:
    folder = context.suite / "outsiders" / "river"
    expected = photograph(np.full((64, 64, 3), 2, np.uint8), 4_500_002)
    assert (folder / "4500002.jpg").read_bytes() == expected
    assert len(list(folder.iterdir())) == 11


def test_its_pictures_are_test_pictures_as_far_as_they_go(context: BuildContext, tmp_path: Path) -> None:
    materialise(tmp_path / "data", [Suite.load(context.suite)], counts=Counts(1, 1, 4))
    samples = load_manifest(str(tmp_path / "data" / "manifest.csv"))
    assert Counter(sample.split for sample in samples if sample.generator == "river") == {"test": 3}
    there = tmp_path / "data" / "generated" / "river" / "4500001.jpg"
    assert there.read_bytes() == (context.suite / "outsiders" / "river" / "4500001.jpg").read_bytes()


def test_no_other_generator_takes_its_name(context: BuildContext, tmp_path: Path) -> None:
    file = context.suite / "second.toml"
    file.write_text('name = "second"\n[generators.river]\nclass = "stable-diffusion"\npath = "diffusion"\n', "utf-8")
    told = r"generator 'river' of suite 'second' has the name of the pictures in .*outsiders.river: expected another"
    with pytest.raises(DataError, match=told):
        materialise(tmp_path / "data", [Suite.load(context.suite), Suite.load(file)], counts=Counts(0, 0, 1))


def test_other_pictures_of_it_are_refused(context: BuildContext, tmp_path: Path) -> None:
    materialise(tmp_path / "data", [Suite.load(context.suite)], counts=Counts(0, 0, 1))
    (context.suite / "outsiders" / "river" / "4500002.jpg").unlink()
    with pytest.raises(DataError, match=r"the pictures 'river' in .* were made by [0-9a-f]{12}, this suite"):
        materialise(tmp_path / "data", [Suite.load(context.suite)], counts=Counts(0, 0, 1))


def test_examples_take_its_own_scenes(context: BuildContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "DRAWN", 1)
    figures = examples.make(context)
    assert figures["generated/river"] == 8
    shown = (context.examples / "generated" / "river-03.jpg").read_bytes()
    assert shown == (context.suite / "outsiders" / "river" / "6000003.jpg").read_bytes()

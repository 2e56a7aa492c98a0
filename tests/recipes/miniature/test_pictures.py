"""The little world on disk: which pictures lie there, how they came, and that no second run changes them."""

from __future__ import annotations

import io
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unprompt.datasets import load_folder, load_manifest, miniature
from unprompt.datasets.miniature import Counts, load_miniature, materialise
from unprompt.errors import DataError
from unprompt.instruments import Suite
from unprompt.recipes.miniature import pictures
from unprompt.scenes.camera import CAMERAS, photograph
from unprompt.scenes.render import render
from unprompt.scenes.scene import Scene
from unprompt.testing.fake_suite import SIDE
from unprompt.types import Sample

COUNTS = Counts(train=3, validation=1, test=2)


@pytest.fixture(scope="module")
def folder(fake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return materialise(tmp_path_factory.mktemp("world"), [Suite.load(fake)], counts=COUNTS)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_family_has_its_pictures_in_its_splits(folder: Path) -> None:
    samples = load_manifest(str(folder / "manifest.csv"))
    assert Counter((sample.label, sample.generator, sample.split) for sample in samples) == {
        (0, "scenes", "train"): 3,
        (0, "scenes", "validation"): 1,
        (0, "scenes", "test"): 2,
        (1, "diffusion", "train"): 3,
        (1, "diffusion", "validation"): 1,
        (1, "diffusion", "test"): 2,
        (1, "sibling", "train"): 3,
        (1, "sibling", "validation"): 1,
        (1, "sibling", "test"): 2,
        (1, "flow", "test"): 2,  # an outsider
    }
    assert all(Path(sample.uri).is_file() for sample in samples)
    prompt_seeds = {(sample.uri, sample.label) for sample in load_folder(str(folder)) if sample.label is not None}
    assert prompt_seeds == {(sample.uri, sample.label) for sample in samples}


def test_a_real_picture_is_the_photograph_of_its_scene(folder: Path) -> None:
    expected = photograph(render(Scene.sample(4_000_001), 64).picture, 4_000_001)
    assert (folder / "real" / "4000001.jpg").read_bytes() == expected


def test_a_generated_picture_is_the_photograph_of_a_drawing_of_another_scene(folder: Path, suite: Suite) -> None:
    seed = 3_500_000
    drawn = suite.diffusion.regenerate([Scene.sample(seed).caption], [seed])[0]
    found = np.asarray(Image.open(folder / "generated" / "diffusion" / f"{seed}.jpg"))
    expected = np.asarray(Image.open(io.BytesIO(photograph(drawn, seed))))
    assert found.shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(found, expected)


def test_scenes_of_labels_and_splits_are_disjoint() -> None:
    ranges = [
        range(first + shift, first + shift + max(pictures.FULL.train, miniature.DRAWN_SEEDS))
        for first in miniature.HEAD_SEEDS.values()
        for shift in (0, miniature.DRAWN_SEEDS)
    ]
    ordered = sorted(ranges, key=lambda one: one.start)
    assert all(one.stop <= other.start for one, other in pairwise(ordered))


def test_a_second_run_fills_only_what_is_missing(
    folder: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = contents(folder)
    (folder / "generated" / "flow" / "4500001.jpg").unlink()
    kept = folder / "generated" / "flow" / "4500000.jpg"
    written = kept.stat().st_mtime_ns
    monkeypatch.setattr(type(suite), "diffusion", property(lambda self: pytest.fail("nothing of it is missing")))
    materialise(folder, [suite], COUNTS)
    assert caplog.messages == ["flow, test: 2 of 2 pictures"]
    assert contents(folder) == before
    assert kept.stat().st_mtime_ns == written


def test_an_interrupted_run_goes_on_to_the_same_bytes(
    folder: Path, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = miniature.put, iter(range(8))

    def dying(path: Path, data: bytes) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(miniature, "put", dying)
    with pytest.raises(KeyboardInterrupt):
        materialise(tmp_path, [suite], counts=COUNTS)
    monkeypatch.undo()
    assert not (tmp_path / "manifest.csv").exists()
    assert contents(materialise(tmp_path, [suite], counts=COUNTS)) == contents(folder)


def test_batches_are_cut_alike(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def noting(seeds: range) -> list[np.ndarray]:
        asked.append(tuple(seeds))
        return [np.zeros((8, 8, 3), np.uint8)] * len(seeds)

    monkeypatch.setattr(miniature, "scenes", noting)
    monkeypatch.setattr(miniature, "drawings", lambda suite, name: noting)
    materialise(tmp_path, [suite], counts=Counts(35, 0, 0))
    first, second = tuple(range(2_000_000, 2_000_032)), tuple(range(2_000_032, 2_000_035))
    assert asked[:2] == [first, second]
    (tmp_path / "real" / "2000033.jpg").unlink()
    asked.clear()
    materialise(tmp_path, [suite], counts=Counts(35, 0, 0))
    assert asked == [second]


def test_pictures_of_other_weights_are_refused(folder: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(miniature, "WORLD_VERSION", 99)
    before = contents(folder)
    with pytest.raises(DataError, match=rf"the pictures 'diffusion' in {folder} were made by [0-9a-f]{{12}}, this"):
        materialise(folder, [suite], counts=COUNTS)
    assert contents(folder) == before


def test_pictures_of_another_camera_are_refused(folder: Path, suite: Suite) -> None:
    before = contents(folder)
    with pytest.raises(DataError, match=rf"the pictures 'diffusion' in {folder} were made by [0-9a-f]{{12}}, this"):
        materialise(folder, [suite], COUNTS, CAMERAS["phone"])
    assert contents(folder) == before


def test_a_suite_without_further_generators_has_two_families(fake: Path, tmp_path: Path) -> None:
    alone = fake / "alone.toml"
    alone.write_text((fake / "suite.toml").read_text("utf-8").partition("[generators.")[0], "utf-8")
    materialise(tmp_path, [Suite.load(alone)], counts=Counts(0, 0, 1))
    assert [sample.generator for sample in load_manifest(str(tmp_path / "manifest.csv"))] == ["scenes", "diffusion"]


@pytest.fixture
def little_world(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("unprompt.instruments.Suite.load", lambda name: {"miniature": suite}[name])
    monkeypatch.setattr(miniature, "DEFAULT", COUNTS)
    monkeypatch.setattr(miniature, "version", lambda name: "7.8")


@pytest.mark.parametrize(
    ("asked", "place"), [("mine", "mine"), ("", "unprompt/miniature-7.8"), ("mine?train=3&test=2", "mine")]
)
@pytest.mark.usefixtures("little_world")
def test_the_data_specification_makes_them_at_first_use(folder: Path, tmp_path: Path, asked: str, place: str) -> None:
    samples = load_miniature(f"{tmp_path}/{asked}" if asked else "")
    assert contents(tmp_path / place) == contents(folder)
    assert samples[0] == Sample(str(tmp_path / place / "real" / "2000000.jpg"), 0, "scenes", "train")


@pytest.mark.usefixtures("little_world")
def test_the_data_specification_may_ask_for_more_pictures(tmp_path: Path) -> None:
    samples = load_miniature(f"{tmp_path}/more?validation=2")
    counts = Counter(sample.split for sample in samples if sample.generator == "scenes")
    assert counts == {"train": 3, "validation": 2, "test": 2}


@pytest.mark.usefixtures("little_world")
def test_another_cameras_pictures_lie_in_a_folder_of_their_own(suite: Suite, tmp_path: Path) -> None:
    samples = load_miniature("?camera=phone")
    place, seed = tmp_path / "unprompt" / "miniature-7.8-phone", 3_500_000
    assert samples[0].uri == str(place / "real" / "2000000.jpg")
    drawn = suite.diffusion.regenerate([Scene.sample(seed).caption], [seed])[0]
    found = np.asarray(Image.open(place / "generated" / "diffusion" / f"{seed}.jpg"))
    expected = np.asarray(Image.open(io.BytesIO(photograph(drawn, seed, CAMERAS["phone"]))))
    np.testing.assert_array_equal(found, expected)


def test_photographs_of_one_camera_do_not_pass_another() -> None:
    shipped = Suite.load("miniature")
    assert list(miniature.unseen_generators([shipped])) == ["flow"]
    assert not miniature.unseen_generators([shipped], CAMERAS["phone"])


def test_an_unknown_camera_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"got miniature:mine\?camera=leica with camera=leica; expected one of plain, phone"
    ):
        load_miniature("mine?camera=leica")


@pytest.mark.parametrize("asked", ["tset=3", "test=0", "test=-1", "test=", "test=many"])
def test_other_counts_are_refused(asked: str) -> None:
    told = f"got miniature:mine?{asked} with {asked}; expected train, validation, test with 1 or more pictures"
    with pytest.raises(DataError, match=re.escape(told)):
        load_miniature(f"mine?{asked}")

"""Scenes rendered once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from unprompt.scenes import corpus as room
from unprompt.scenes.camera import PLAIN, photograph
from unprompt.scenes.corpus import (
    EXAMPLE_SEEDS,
    HEAD_SEEDS,
    HELD_OUT_SEEDS,
    INSTRUMENT_SEEDS,
    corpus,
    develop,
)
from unprompt.scenes.render import render
from unprompt.scenes.scene import WORLD_VERSION, Scene


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CHUNK", 3)


def test_a_corpus_holds_the_scenes_of_its_seeds(tmp_path: Path) -> None:
    made = corpus(tmp_path, 7, 5, workers=1)
    assert len(made) == 5
    assert made.pictures.shape == made.photographs.shape == (5, 64, 64, 3)
    for place in (0, 4):
        scene = Scene.sample(7 + place)
        assert (made.captions[place], made.long_captions[place]) == (scene.caption, scene.long_caption)
        np.testing.assert_array_equal(made.pictures[place], render(scene, 64).picture)
        np.testing.assert_array_equal(
            made.photographs[place], develop(photograph(render(scene, 64).picture, 7 + place))
        )


def test_only_missing_chunks_are_rendered(tmp_path: Path) -> None:
    before = corpus(tmp_path, 0, 5, workers=1)
    chunks = sorted(tmp_path.rglob("*.npz"))
    assert [chunk.name for chunk in chunks] == ["0.npz", "3.npz"]
    times = [chunk.stat().st_mtime_ns for chunk in chunks]
    chunks[1].unlink()
    after = corpus(tmp_path, 0, 5, workers=1)
    np.testing.assert_array_equal(after.photographs, before.photographs)
    assert chunks[0].stat().st_mtime_ns == times[0]
    assert sorted(tmp_path.rglob("*.npz")) == chunks


def test_another_world_or_camera_lies_elsewhere(tmp_path: Path) -> None:
    corpus(tmp_path, 0, 1, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == [f"world-{WORLD_VERSION}-camera-{PLAIN.version}"]


def test_uses_of_scenes_lie_far_apart() -> None:
    firsts = [INSTRUMENT_SEEDS, HELD_OUT_SEEDS, *HEAD_SEEDS.values(), EXAMPLE_SEEDS]
    assert min(later - first for first, later in pairwise(firsts)) == 1_000_000

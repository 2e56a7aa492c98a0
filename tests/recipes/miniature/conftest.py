"""One fake suite with a further generator, and a workshop of few scenes, for the whole room."""

from pathlib import Path

import numpy as np
import pytest

from unprompt.instruments import Suite
from unprompt.recipes.miniature.stage import BuildContext
from unprompt.scenes.corpus import Corpus
from unprompt.scenes.render import render
from unprompt.scenes.scene import Scene
from unprompt.testing.fake_suite import save_fake_suite


class Brief(BuildContext):
    """A workshop of 32 scenes in which every training takes one step."""

    def steps(self, full: int) -> int:
        return 1

    def scenes(self) -> Corpus:
        told = [Scene.sample(seed) for seed in range(32)]
        pictures = np.stack([render(scene, 64).picture for scene in told])
        return Corpus(pictures, pictures, tuple(scene.caption for scene in told), tuple("" for _ in told))

    held_out = scenes


@pytest.fixture
def brief(tmp_path: Path) -> BuildContext:
    return Brief(tmp_path)


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_fake_suite(tmp_path_factory.mktemp("fake"))
    file = folder / "suite.toml"
    further = '\n[generators.flow]\nclass = "stable-diffusion"\npath = "diffusion"\nparameters = { steps = 2 }\n'
    file.write_text(file.read_text("utf-8") + further, "utf-8")
    return folder


@pytest.fixture
def suite(fake: Path) -> Suite:
    return Suite.load(fake)

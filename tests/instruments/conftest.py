"""One fake suite on disk for the whole room, and pictures of every awkward size."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from unprompt.instruments import Suite
from unprompt.testing.fake_suite import save_fake_suite
from unprompt.types import RGB

SIZES = [(40, 30), (1, 50), (3000, 5), (32, 32), (1, 1), (64, 48), (20, 33)]


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_fake_suite(tmp_path_factory.mktemp("fake"))


@pytest.fixture(scope="session")
def suite(fake: Path) -> Suite:
    return Suite.load(fake)


@pytest.fixture(scope="session")
def pictures() -> list[RGB]:
    """Seven soft pictures, each of its own colour: height x width as in SIZES."""
    random = np.random.default_rng(7)
    made = []
    for height, width in SIZES:
        slope = np.linspace(0, 60, height)[:, None, None] + np.linspace(0, 60, width)[None, :, None]
        colour, grain = random.uniform(0, 120, 3), random.normal(0, 6, (height, width, 3))
        made.append((slope + colour + grain).clip(0, 255).astype(np.uint8))
    return made


@pytest.fixture
def models(fake: Path, tmp_path: Path) -> Path:
    """The fake models, free to be changed."""
    return Path(shutil.copytree(fake, tmp_path / "suite"))

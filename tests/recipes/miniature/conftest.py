"""One fake suite with a further generator, for the whole room."""

from pathlib import Path

import pytest

from unprompt.instruments import Suite
from unprompt.testing.fake_suite import save_fake_suite


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

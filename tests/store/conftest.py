"""A small set of files to plan, and a recipe of each kind."""

from pathlib import Path

import pytest

from unprompt.store import ProductRecipe
from unprompt.types import Sample


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Seventy files: two full parts and one of six."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = [folder / f"{number:03d}.png" for number in range(70)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * (number + 1))
    return [Sample(str(path), number % 2, "sd15", "train") for number, path in enumerate(paths)]


@pytest.fixture
def recipe() -> ProductRecipe:
    return ProductRecipe("caption", 1, ({"model": "blip", "digest": "d" * 64},), {"beams": 3})

"""A fake suite and a store filled from files on disk."""

from pathlib import Path

import numpy as np
import pytest

from unprompt.errors import PictureError
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.store import Shard, Store, sample_rows
from unprompt.testing.fake_suite import save_fake_suite
from unprompt.types import Picture, Sample


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite.load(save_fake_suite(tmp_path_factory.mktemp("fake")))


@pytest.fixture(scope="session")
def pictures() -> list[Picture]:
    random = np.random.default_rng(3)
    sizes = [(40, 30), (33, 50), (32, 32)]
    made = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    return [read(encode_png(rgb), f"{index}.png") for index, rgb in enumerate(made)]


@pytest.fixture
def files(tmp_path: Path, pictures: list[Picture]) -> list[Sample]:
    """The pictures as files, and one that is none."""
    samples = []
    for picture in pictures:
        path = tmp_path / picture.uri
        path.write_bytes(encode_png(picture.rgb))
        samples.append(Sample(str(path), 0))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return [*samples, Sample(str(tmp_path / "broken.png"), 1)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "out")


@pytest.fixture
def shard(store: Store, files: list[Sample]) -> Shard:
    """The one shard of the store, its samples read."""
    (shard,) = store.plan(files)
    store.write_samples(shard.index, sample_rows(shard, [_read(sample.uri) for sample in files]))
    return shard


def _read(uri: str) -> Picture | PictureError:
    try:
        return read(Path(uri), uri)
    except PictureError as error:
        return error

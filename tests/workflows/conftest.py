"""A small data set and a random suite with trained heads, made once for all tests of the verbs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unprompt.engines.local import LocalEngine
from unprompt.testing.fake_suite import save_fake_suite
from unprompt.types import RGB
from unprompt.workflows.extract import extract
from unprompt.workflows.train import train

METHODS = ("sare", "semgir", "tidy", "item")
SMALL = {"epochs": 2}


def paint(path: Path, seed: int, generated: bool) -> None:
    """A picture of 40 x 36 pixels: grainy when real, a smooth gradient when generated."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 255, 40)[None, :, None] * rng.random(3) + np.zeros((36, 1, 1))
    grain = 0 if generated else rng.normal(0, 60, (36, 40, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(ramp + grain, 0, 255).astype(np.uint8)).save(path)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def speaking(suite: Path, folder: Path, heads: list[Path]) -> Path:
    """A copy of the random suite with heads, for once allowed to speak."""
    shutil.copytree(suite, folder)
    (folder / "heads").mkdir()
    for path in heads:
        shutil.copy(path, folder / "heads")
    manifest = folder / "suite.toml"
    text = manifest.read_text().replace("fake = true", "fake = false")
    names = "".join(f'{path.stem} = "heads/{path.name}"\n' for path in sorted(heads))
    manifest.write_text(f"{text}\n[heads]\n{names}")
    return folder


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A user's cache of our own: the suite ``fake`` is made there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def picture() -> RGB:
    return np.random.default_rng(1).integers(0, 255, (40, 50, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 pictures a class in three splits, and one file that is none."""
    root = tmp_path_factory.mktemp("pictures")
    for split, first in (("train", 0), ("validation", 100), ("test", 200)):
        for number in range(10):
            paint(root / split / "real" / f"{number}.png", first + number, generated=False)
            paint(root / split / "fake" / "gradient" / f"{number}.png", first + 50 + number, generated=True)
    (root / "test" / "fake" / "gradient" / "text.jpg").write_text("this is no picture")
    return root


@pytest.fixture(scope="session")
def few(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures a class and split of the common ones, some real ones as JPEG, and the file that is none."""
    few = tmp_path_factory.mktemp("few")
    for path in sorted(pictures.rglob("*.*")):
        target = few / path.relative_to(pictures)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.stem == "0" and path.parent.name == "real":
            Image.open(path).save(target.with_suffix(".jpg"))
        elif path.stem in ("0", "1", "2", "3", "text"):
            shutil.copy(path, target)
    return few


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of random weights."""
    return save_fake_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="session")
def store(pictures: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence of the four methods."""
    return extract("panel", data=f"folder:{pictures}", out=tmp_path_factory.mktemp("store") / "evidence", suite=suite)


@pytest.fixture(scope="module")
def own(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the evidence, to be written into."""
    return Path(shutil.copytree(store, tmp_path_factory.mktemp("own") / "evidence"))


@pytest.fixture(scope="session")
def heads(store: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the four heads and the panel over them."""
    folder = tmp_path_factory.mktemp("heads")
    for method in METHODS:
        train(
            method, evidence=store, out=folder / f"{method}.safetensors", suite=suite, options=SMALL, fpr=0.1, fnr=0.1
        )
    train("panel", evidence=store, out=folder / "panel.safetensors", suite=suite, fpr=0.1, fnr=0.1)
    return folder


@pytest.fixture(scope="session")
def candidate_suites(suite: Path, heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random suite with its heads, for once allowed to speak: what it says means nothing, that it says it does."""
    return speaking(suite, tmp_path_factory.mktemp("speaking") / "suite", [*heads.glob("*.safetensors")])


class Killing(LocalEngine):
    """One of its workers is killed after the first answer."""

    def run(self, work: Any, tasks: Iterable[Any]) -> Iterator[Any]:
        for number, answer in enumerate(super().run(work, tasks)):
            if not number:
                active_children()[0].kill()
            yield answer


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local engines lose a worker; the others get no shims, so that what these are for stays out of their way."""
    monkeypatch.setattr("unprompt.engines.local.LocalEngine", Killing)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(Path(sys.prefix, "test-extras"))])

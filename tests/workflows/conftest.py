"""A small data set and a random suite with trained heads, made once for all tests of the verbs."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unprompt.engines.local import LocalEngine
from unprompt.testing.fake_suite import save_fake_suite
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


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A user's cache of our own: the suite ``fake`` is made there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


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
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of random weights."""
    return save_fake_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="session")
def store(pictures: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence of the four methods."""
    return extract("panel", data=f"folder:{pictures}", out=tmp_path_factory.mktemp("store") / "evidence", suite=suite)


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
    folder = tmp_path_factory.mktemp("speaking") / "suite"
    shutil.copytree(suite, folder)
    shutil.copytree(heads, folder / "heads")
    manifest = folder / "suite.toml"
    text = manifest.read_text().replace("fake = true", "fake = false")
    names = "".join(f'{path.stem} = "heads/{path.name}"\n' for path in sorted(heads.glob("*.safetensors")))
    manifest.write_text(f"{text}\n[heads]\n{names}")
    return folder


class Killing(LocalEngine):
    """One of its workers is killed after the first answer."""

    def run(self, work: Any, tasks: Iterable[Any]) -> Iterator[Any]:
        for number, answer in enumerate(super().run(work, tasks)):
            if not number:
                children = Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()
                workers = [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
                os.kill(workers[0], signal.SIGKILL)
            yield answer


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local engines lose a worker; the others get no shims, so that what these are for stays out of their way."""
    monkeypatch.setattr("unprompt.engines.local.LocalEngine", Killing)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(Path(sys.prefix, "test-extras"))])

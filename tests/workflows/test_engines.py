"""Evidence is the same, byte for byte, whatever engine makes it, and whatever dies meanwhile."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from unprompt.instruments import Suite
from unprompt.workflows.extract import extract

from .conftest import paint


def contents(folder: Path) -> dict[str, bytes]:
    """What readers see: who is killed at writing leaves a hidden file, which the next writer of that name removes."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".tmp")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """98 pictures, which fill four shards, and a file that is none."""
    root = tmp_path_factory.mktemp("many")
    for number in range(49):
        paint(root / "real" / f"{number}.png", number, generated=False)
        paint(root / "fake" / "gradient" / f"{number}.png", 500 + number, generated=True)
    (root / "real" / "text.jpg").write_text("this is no picture")
    return root


@pytest.fixture(scope="module")
def quiet(many: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What this process alone stores."""
    return contents(extract("item", data=f"folder:{many}", out=tmp_path_factory.mktemp("quiet") / "out", suite=suite))


@pytest.mark.usefixtures("killing")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_killed_worker_loses_and_doubles_nothing(
    many: Path, suite: Path, quiet: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "linux":  # where a fork has nothing to import
        monkeypatch.setattr("unprompt.engines.local.get_context", lambda _: get_context("fork"))
    assert contents(extract("item", data=f"folder:{many}", out=tmp_path / "out", suite=suite, devices=2)) == quiet


def test_a_lost_node_loses_and_doubles_nothing(
    many: Path, suite: Path, quiet: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    from unprompt.engines.ray import RayEngine

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    lost: list[Any] = []

    class Losing(RayEngine):
        def run(self, work: Any, tasks: Iterable[Any]) -> Iterator[Any]:
            for answer in super().run(work, tasks):
                if not lost:
                    cluster.remove_node(second, allow_graceful=False)
                    lost.append(second)
                yield answer

    monkeypatch.setattr("unprompt.engines.ray.RayEngine", Losing)
    made: dict[str, Any] = {"engine": "ray", "devices": 2, "address": cluster.address}
    try:
        assert contents(extract("item", data=f"folder:{many}", out=tmp_path / "out", suite=suite, **made)) == quiet
    finally:
        cluster.shutdown()
    assert lost


def test_a_suite_travels_without_its_models(suite: Path) -> None:
    loaded = Suite.load(suite).of("item")
    assert loaded.encoder is loaded.encoder
    there = pickle.loads(pickle.dumps(loaded))
    assert there.encoder is not loaded.encoder
    assert (there.encoder.card, there.method) == (loaded.encoder.card, "item")
    assert loaded.on("cpu") is loaded
    assert (loaded.on("meta").device, loaded.on("meta").method) == ("meta", "item")

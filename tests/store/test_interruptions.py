"""Killed at any moment and run again, or run twice at once: the same files as from one quiet run."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from unprompt.store import Store, vectors
from unprompt.types import Sample

RUN = """
import os, sys, time
import numpy as np
from unprompt.errors import UnreadablePicture
from unprompt.store import ProductRecipe, Store, embedding_rows, sample_rows
from unprompt.types import Sample

folder, out, call, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

def stopped(*_):
    global count
    count -= 1
    if count < 0:
        print("stopped", flush=True)
        time.sleep(600)
    return plain(*_)

if call:
    plain = getattr(os, call)
    setattr(os, call, stopped)

store, recipe = Store(out), ProductRecipe("embedding", 1)
shelf = store.product_table(recipe)
for part in store.plan(Sample(os.path.join(folder, name)) for name in sorted(os.listdir(folder))):
    pixels = [sample.uri[-7:] for sample in part.samples]
    if shelf.read(part.index) is None:
        made = np.stack([np.random.default_rng(int(name[:3])).normal(size=2000) for name in pixels])
        shelf.write(part.index, embedding_rows(recipe, pixels, made))
    if store.read_shard(part.index) is None:
        store.write_samples(part.index, sample_rows(part, [UnreadablePicture("none")] * len(part.rows)))
"""


def start(folder: Path, out: Path, call: str = "", count: int = 0) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", RUN, str(folder), str(out), call, str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def finish(*runs: "subprocess.Popen[str]") -> None:
    for run in runs:
        run.communicate(timeout=120)
        assert run.returncode == 0


def kill(run: "subprocess.Popen[str]") -> None:
    run.kill()
    run.communicate(timeout=120)


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture
def folder(samples) -> Path:
    return Path(samples[0].uri).parent


@pytest.fixture
def quiet(tmp_path, folder) -> dict[str, bytes]:
    """What one run without disturbance stores."""
    finish(start(folder, tmp_path / "quiet"))
    return contents(tmp_path / "quiet")


def assert_nothing_is_half(out: Path) -> None:
    store = Store(out)
    for part in store.shards():
        for shelf in (out / "products").glob("*"):
            table = store.open_product_table(shelf.name).read(part.index) if (shelf / "_recipe.json").exists() else None
            assert table is None or vectors(table).shape == (len(part.rows), 2000)
        rows = store.read_shard(part.index)
        assert rows is None or rows.num_rows == len(part.rows)


# The files are flushed and renamed in this order: plan 0, recipe 1, shelf 2, samples 3, shelf 4, ...;
# a flush of the folder follows each rename, so that every second flush is one of a file.
@pytest.mark.parametrize(("call", "count"), [("fsync", 0), ("replace", 1), ("fsync", 4), ("replace", 4), ("fsync", 9)])
def test_a_killed_run_leaves_no_half_file_and_is_taken_up(tmp_path, folder, quiet, call, count):
    out = tmp_path / "out"
    run = start(folder, out, call, count)
    assert run.stdout is not None
    assert run.stdout.readline() == "stopped\n"
    before = contents(out)
    kill(run)
    assert contents(out) == before
    assert any(name.endswith(".tmp") for name in before) == (call == "replace" or count % 2 == 0)
    assert_nothing_is_half(out)
    finish(start(folder, out))
    assert contents(out) == quiet


def test_killed_again_and_again(tmp_path, folder, quiet):
    out = tmp_path / "out"
    for pause in (0.0, 0.01, 0.03):
        run = start(folder, out)
        deadline = time.monotonic() + 60
        while not (out / "plan.lock").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(pause)
        kill(run)
        assert_nothing_is_half(out)
    finish(start(folder, out))
    assert {name: data for name, data in contents(out).items() if not name.endswith(".tmp")} == quiet


def test_a_killed_process_frees_the_lock_on_the_plan(tmp_path, folder, samples):
    run = start(folder, tmp_path / "out", "fsync", 0)
    assert run.stdout is not None
    assert run.stdout.readline() == "stopped\n"
    waiting = start(folder, tmp_path / "out")
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=3)
    kill(run)
    finish(waiting)
    assert len(Store(tmp_path / "out").plan(samples)) == 3


def test_two_runs_at_once_store_what_one_does(tmp_path, folder, quiet):
    finish(start(folder, tmp_path / "out"), start(folder, tmp_path / "out"))
    assert contents(tmp_path / "out") == quiet


def test_two_runs_with_different_samples_lose_none(tmp_path, folder, samples):
    other = tmp_path / "others"
    other.mkdir()
    for number in range(40):
        (other / f"{number + 100}.png").write_bytes(b"y")
    finish(start(folder, tmp_path / "out"), start(other, tmp_path / "out"))
    store = Store(tmp_path / "out")
    both = [sample.uri for sample in samples] + [str(path) for path in sorted(other.iterdir())]
    assert sorted(store.read_samples()["uri"].to_pylist()) == sorted(both)
    assert sorted(len(part.rows) for part in store.shards()) == [6, 8, 32, 32, 32]
    assert list(store.plan([Sample(uri) for uri in both])) == list(store.shards())

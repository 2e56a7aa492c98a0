"""Evidence behind a URL, from extract to prune: in fsspec's store in memory, and of S3 where moto's server is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from typer.testing import CliRunner

from unprompt.cli import app
from unprompt.errors import OptionError
from unprompt.store import ProductRecipe, Store, embedding_rows, place
from unprompt.store.object_path import ObjectPath
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.evidence import ls, prune, verify
from unprompt.workflows.extract import extract
from unprompt.workflows.train import train

OTHER = ProductRecipe("embedding", 1, [], {"of": "nothing"})


def objects(url: str) -> dict[str, bytes]:
    files, path = fsspec.url_to_fs(url, use_listings_cache=False)
    return {name.removeprefix(f"{path}/"): files.cat_file(name) for name in files.find(path)}


@pytest.fixture(scope="module")
def here(pictures: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("here") / "evidence"
    assert extract("item", data=f"folder:{pictures}", out=out, suite=suite) == out
    return out


@pytest.fixture(scope="module")
def quiet(here: Path) -> dict[str, bytes]:
    found = (path for path in here.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(here).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def url(quiet: dict[str, bytes]) -> Iterator[str]:
    """The same evidence in memory."""
    files = fsspec.filesystem("memory")
    files.pipe({f"/bucket/evidence/{name}": data for name, data in quiet.items()})
    yield "memory://bucket/evidence"
    files.rm("/bucket", recursive=True)


def test_extract_stores_the_bytes_of_a_folder(url: str, quiet: dict[str, bytes], pictures: Path, suite: Path) -> None:
    assert str(extract("item", data=f"folder:{pictures}", out="memory://bucket/new/", suite=suite)) == (
        "memory://bucket/new"
    )
    assert objects("memory://bucket/new") == quiet


def test_train_and_evaluate_read_it(url: str, here: Path, suite: Path, tmp_path: Path) -> None:
    heads = {where: tmp_path / f"{number}.safetensors" for number, where in enumerate((url, str(here)))}
    for where, head in heads.items():
        train("item", evidence=where, out=head, suite=suite, options={"epochs": 1}, fpr=0.1, fnr=0.1)
    assert len({head.read_bytes() for head in heads.values()}) == 1
    head = heads[url]
    there, local = (evaluate(head, evidence=one, suite=suite, repeats=0) for one in heads)
    assert there.generators == local.generators
    chain = evaluate(head, evidence=url, suite=suite, repeats=0, robustness=["flip:3"])
    assert list(chain.perturbed) == ["flip:3"]
    assert ls(url).stores == ("perturbed/flip-3",)


def test_ls_and_verify_tell_of_objects(url: str, here: Path, quiet: dict[str, bytes]) -> None:
    assert replace(ls(url), folder="") == replace(ls(here), folder="")
    assert replace(verify(url), folder="") == replace(verify(here), folder="")
    name = next(name for name in quiet if name.startswith("products/caption") and name.endswith("1.parquet"))
    damaged = bytearray(quiet[name])
    damaged[len(damaged) // 2] ^= 1
    fsspec.filesystem("memory").pipe(f"/bucket/evidence/{name}", bytes(damaged))
    (problem,) = verify(url).problems
    assert (problem.file, problem.shard) == (name, 1)
    done = CliRunner().invoke(app, ["evidence", "verify", url])
    assert (done.exit_code, "1 wrong" in done.stdout) == (1, True)
    fsspec.filesystem("memory").rm(f"/bucket/evidence/{name}")
    assert {one.missing for one in ls(url).products} == {0, 1}


def test_prune_removes_what_no_view_names(url: str, quiet: dict[str, bytes]) -> None:
    Store(place(url)).product_table(OTHER).write(0, embedding_rows(OTHER, ["a" * 64], np.zeros((1, 2), np.float32)))
    with pytest.raises(OptionError, match=rf"1 product tables of {url} would be removed"):
        prune(url)
    (removed,) = prune(url, max_bytes=None)
    assert (removed.name, removed.files) == (OTHER.name, 2)
    assert objects(url) == quiet
    assert prune(url) == []


@pytest.mark.parametrize(
    "words",
    [
        ["train", "item", "--evidence", "memory://bucket/evidence", "--out", "s3://bucket/a"],
        ["detect", "picture.png", "--out", "s3://bucket/a"],
        ["detect", "picture.png", "--report", "s3://bucket/a"],
    ],
)
def test_what_is_no_evidence_lies_on_this_machine(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "is 's3://bucket/a', a URL; expected a path of this machine" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_workers_of_devices_write_into_s3(
    quiet: dict[str, bytes], pictures: Path, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "moto's server or s3fs is not installed here: pip install 'moto[server]' s3fs to run this test"
    server = pytest.importorskip("moto.server", reason=told).ThreadedMotoServer(port=0)
    s3fs = pytest.importorskip("s3fs", reason=told)
    server.start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        s3fs.S3FileSystem().mkdir("bucket")
        extract("item", data=f"folder:{pictures}", out="s3://bucket/new", suite=suite, devices=2)
        assert objects("s3://bucket/new") == quiet
        plan = place("s3://bucket/new/plan.parquet")
        assert isinstance(plan, ObjectPath)
        files, path = plan._opened()
        for stale in ('"another"', ""):
            with pytest.raises(OSError, match="pre-conditions"):
                files.pipe_file(path, b"", **replace(plan, follows=stale)._condition())
    finally:
        server.stop()

"""Extract: every input comes out, a second run makes nothing, an interrupted one ends with the same bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from unprompt.detectors.methods.sare import SareDetector
from unprompt.errors import DataError, OptionError, StoreError
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import hash_pixels, read
from unprompt.instruments import Suite
from unprompt.instruments.blip import BlipCaptioner
from unprompt.perturbations import Chain, perturbed
from unprompt.store import Store
from unprompt.types import RGB, Caption
from unprompt.workflows.data.splits import assigned_split
from unprompt.workflows.extract import extract

extract_module = sys.modules[extract.__module__]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def test_every_file_comes_out(store: Path) -> None:
    rows = Store(store).read_samples().to_pylist()
    assert len(rows) == 61
    failed = [row for row in rows if row["status"] == "error"]
    assert [Path(row["uri"]).name for row in failed] == ["text.jpg"]
    assert "not a picture" in failed[0]["error"]


def test_a_second_run_asks_no_instrument(
    store: Path, pictures: Path, suite: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the captioner was asked again")

    monkeypatch.setattr(BlipCaptioner, "captions", refuse)
    before = digests(store)
    extract("sare", data=f"folder:{pictures}", out=store, suite=suite)
    assert digests(store) == before
    assert caplog.messages
    assert all(line.endswith("already there") for line in caplog.messages)


def test_lost_parts_are_made_again_with_the_same_bytes(
    store: Path, pictures: Path, suite: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(store, copy)
    lost = sorted((copy / "products").rglob("part-00001.parquet"))
    for path in lost:
        path.unlink()
    extract("panel", data=f"folder:{pictures}", out=copy, suite=suite)
    assert len(lost) >= 4
    assert digests(copy) == digests(store)


def test_a_perturbation_comes_before_the_captioner(
    pictures: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    captions = BlipCaptioner.captions

    def listen(self: BlipCaptioner, rgbs: list[np.ndarray]) -> list[Caption]:
        seen.extend(rgbs)
        return captions(self, rgbs)

    monkeypatch.setattr(BlipCaptioner, "captions", listen)
    data = f"folder:{pictures / 'validation'}"
    out = extract("sare", data=data, out=tmp_path / "out", suite=suite, perturb="scale:0.5, jpeg:60")
    rows = Store(out).read_samples().to_pylist()
    assert {row["perturbation"] for row in rows} == {"scale:0.5,jpeg:60"}
    assert {rgb.shape for rgb in seen} == {(18, 20, 3)}
    assert {hash_pixels(rgb) for rgb in seen} == {row["pixels"] for row in rows}
    originals = {read(Path(row["uri"]), row["uri"]).pixels for row in rows}
    assert originals == {row["original"] for row in rows}
    assert originals.isdisjoint(row["pixels"] for row in rows)
    assert {(row["width"], row["height"], row["format"]) for row in rows} == {(40, 36, "PNG")}


def test_evidence_that_shows_the_picture_shows_the_perturbed_one(pictures: Path, suite: Path, tmp_path: Path) -> None:
    data = f"folder:{pictures / 'validation'}"
    out = extract("sare", data=data, out=tmp_path / "out", suite=suite, perturb="noise:0.1")
    loaded, store = Suite.load(suite), Store(out)
    head = SareDetector(loaded)
    stored = head.extractor.load_shard(store, store.read_view("sare"), 0, loaded)
    row = store.read_shard(0).to_pylist()[0]
    changed = perturbed(read(Path(row["uri"]), row["uri"]), Chain.parse("noise:0.1"))
    (fresh,) = head.extractor.extract(ProductCache([changed], loaded))
    np.testing.assert_array_equal(stored[0].picture, fresh.picture)
    np.testing.assert_array_equal(stored[0].reconstruction, fresh.reconstruction)


def test_a_perturbed_picture_stays_in_the_split_of_its_original() -> None:
    row = {"split": None, "pixels": "f" * 64, "original": "0" * 64, "sha256": None}
    assert assigned_split(row) == "train"
    assert assigned_split({**row, "original": None}) == "test"


def test_one_folder_holds_one_perturbation(store: Path, pictures: Path, suite: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds pictures with --perturb nothing, got jpeg:80: give each"):
        extract("sare", data=f"folder:{pictures}", out=store, suite=suite, perturb="jpeg:80")
    with pytest.raises(OptionError, match="--perturb names 'jpg', expected one of jpeg, blur"):
        extract("sare", data=f"folder:{pictures}", out=tmp_path / "out", suite=suite, perturb="jpg:80")


@pytest.mark.parametrize(("asked", "expected"), [(2, 2), (None, 32)])
def test_batch_size_is_that_of_the_models(
    asked: int | None, expected: int, pictures: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()
    captions = BlipCaptioner.captions

    def listen(self: BlipCaptioner, rgbs: list[np.ndarray]) -> list[Caption]:
        seen.add(self.batch_size)
        return captions(self, rgbs)

    monkeypatch.setattr(BlipCaptioner, "captions", listen)
    extract("item", data=f"folder:{pictures / 'validation'}", out=tmp_path / "out", suite=suite, batch_size=asked)
    assert seen == {expected}


def test_a_batch_size_below_one_is_refused(pictures: Path, suite: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--batch-size is 0, expected 1 or more pictures"):
        extract("item", data=f"folder:{pictures}", out=tmp_path / "out", suite=suite, batch_size=0)
    assert not (tmp_path / "out").exists()


def test_unknown_names_are_refused(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="method is 'sear', expected one of sare, semgir"):
        extract("sear", data=f"folder:{suite}", out=tmp_path / "out", suite=suite)
    with pytest.raises(DataError, match=r"folder '/nowhere/at/all'|'/nowhere/at/all' as data folder"):
        extract("sare", data="folder:/nowhere/at/all", out=tmp_path / "out", suite=suite)


def test_what_has_too_many_pixels_is_a_row_that_names_the_option(pictures: Path, suite: Path, tmp_path: Path) -> None:
    data = f"folder:{pictures / 'test' / 'real'}"
    out = extract("trivial-metadata", data=data, out=tmp_path / "out", suite=suite, max_pixels=40 * 36 - 1)
    rows = Store(out).read_samples().to_pylist()
    assert {row["status"] for row in rows} == {"error"}
    assert all(
        "at most 1439 are opened: make the picture smaller, or raise --max-pixels" in row["error"] for row in rows
    )
    with pytest.raises(OptionError, match="max_pixels is -1; expected 1 or more"):
        extract("trivial-metadata", data=data, out=tmp_path / "other", suite=suite, max_pixels=-1)


@pytest.mark.parametrize(
    ("gone", "said"),
    [("", "the plan is"), ("plan.parquet", "the plan is"), ("samples", "the sample rows of shard 0 are")],
)
def test_a_folder_that_vanished_is_an_error(
    gone: str, said: str, pictures: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, out = BlipCaptioner.captions, tmp_path / "out"

    def captions(self: BlipCaptioner, shown: Sequence[RGB]) -> list[Caption]:
        if (out / gone).is_dir():
            shutil.rmtree(out / gone)
        else:
            (out / gone).unlink(missing_ok=True)
        return plain(self, shown)

    monkeypatch.setattr(BlipCaptioner, "captions", captions)
    with pytest.raises(StoreError, match=f"/out: {said} gone; .* run the same command again"):
        extract("item", data=f"folder:{pictures}", out=out, suite=suite)
    monkeypatch.undo()
    extract("item", data=f"folder:{pictures}", out=out, suite=suite)


@pytest.mark.parametrize("method", ["item", "sare", "npr"])
def test_pixels_that_lie_on_the_disk_make_the_same_bytes(
    method: str, pictures: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = f"folder:{pictures / 'test'}"
    whole = extract(method, data=data, out=tmp_path / "whole", suite=suite)
    monkeypatch.setattr(extract_module, "PIXELS_IN_MEMORY", 3 * 40 * 36)
    parted = extract(method, data=data, out=tmp_path / "parted", suite=suite)
    names = [str(path.relative_to(whole)) for path in sorted(whole.rglob("*")) if path.is_file()]
    assert names == [str(path.relative_to(parted)) for path in sorted(parted.rglob("*")) if path.is_file()]
    for name in names:
        assert (whole / name).read_bytes() == (parted / name).read_bytes(), name


def test_no_room_for_pixels_is_an_error_that_names_the_folder(
    pictures: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(dir: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(extract_module, "PIXELS_IN_MEMORY", 40 * 36)
    monkeypatch.setattr(extract_module, "TemporaryFile", full)
    words = (
        r"/out: the pixels of .+\.png cannot be written \(\[Errno 28\] No space left.* with 4320 bytes of free space"
    )
    with pytest.raises(StoreError, match=words):
        extract("item", data=f"folder:{pictures / 'test'}", out=tmp_path / "out", suite=suite)


def test_an_exchanged_parameter_makes_other_evidence(pictures: Path, suite: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "evidence", f"{suite}[diffusion.strength=1.0]"
    for one in (suite, other):
        extract("dire", data=f"folder:{pictures}", out=out, suite=one, max_minutes=None)
    store = Store(out)
    assert store.read_view("dire").suite == "fake[diffusion.strength=1.0]"
    tables = list((out / "products").glob("picture-*")) if (out / "products").is_dir() else list(out.rglob("picture-*"))
    assert len({path.name.split(".")[0] for path in tables}) == 2

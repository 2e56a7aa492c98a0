"""``evidence ls|verify|prune``: what lies there is told, a flipped bit is found, and only what no view names goes."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from unprompt.cli import app
from unprompt.errors import OptionError, StoreError
from unprompt.store import (
    Contents,
    NoiseSamples,
    ProductRecipe,
    Store,
    StoredProduct,
    embedding_rows,
    picture_rows,
    pictures,
    sample_rows,
)
from unprompt.types import Sample
from unprompt.workflows.evidence import ls, prune, verify
from unprompt.workflows.extract import read_or_error

OTHER = ProductRecipe("embedding", 1, [], {"of": "nothing"})


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    shutil.copytree(store, tmp_path / "evidence")
    return tmp_path / "evidence"


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["evidence", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def shelved(contents: Contents, name: str) -> StoredProduct:
    return next(one for one in contents.products if one.name == name)


def test_ls_tells_what_lies_there(store: Path) -> None:
    found = ls(store)
    assert (found.rows, found.shards, found.shards_read, found.perturbation, found.stores) == (61, 2, 2, "", ())
    assert {view.method for view in found.views} == {"sare", "semgir", "tidy", "item"}
    assert {one.name for one in found.products} == {path.name for path in (store / "products").iterdir()}
    (captions,) = (one for one in found.products if one.name.startswith("caption"))
    assert (captions.rows, captions.shards, captions.missing) == (60, 2, 0)
    assert captions.bytes == sum(path.stat().st_size for path in (store / "products" / captions.name).glob("*.parq*"))
    assert captions.named_by == ("item: captions", "sare: captions", "semgir: captions", "tidy: captions")


def test_ls_tells_what_is_missing(copy: Path) -> None:
    (captions,) = (one.name for one in ls(copy).products if one.name.startswith("caption"))
    (copy / "products" / captions / "part-00001.parquet").unlink()
    left = shelved(ls(copy), captions)
    assert (left.rows, left.shards, left.missing) == (31, 1, 1)  # one file of the first part is no picture
    (copy / "samples" / "part-00001.parquet").unlink()
    assert ls(copy).shards_read == 1


def test_a_part_without_a_picture_misses_nothing(copy: Path) -> None:
    bad = copy / "bad.png"
    bad.write_bytes(b"no picture")
    store = Store(copy)
    (part,) = store.plan([Sample(str(bad))])
    assert {one.missing for one in ls(copy).products} == {1}
    store.write_samples(part.index, sample_rows(part, [read_or_error(part.samples[0])]))
    assert {one.missing for one in ls(copy).products} == {0}
    assert verify(copy).problems == ()


def test_ls_prints_and_encodes(store: Path) -> None:
    code, told, _ = run("ls", store)
    assert code == 0
    assert "61 planned rows in 2 shards, none still to be read; perturbation: none" in told
    assert "sare: reconstructions" in told
    code, told, _ = run("ls", store, "--format", "json")
    assert code == 0
    assert json.loads(told) == json.loads(json.dumps(asdict(ls(store))))


def test_a_sound_store_is_told_to_be_sound(store: Path) -> None:
    proof = verify(store)
    files = [path for path in store.rglob("*") if path.suffix in (".parquet", ".json")]
    assert (proof.problems, proof.files, proof.without_checksum) == ((), len(files), 0)
    assert proof.bytes == sum(path.stat().st_size for path in files)
    assert run("verify", store)[:2] == (0, f"{proof.files} files, {proof.bytes} bytes: nothing wrong\n")


def test_a_flipped_bit_anywhere_is_named_by_file_and_part(copy: Path) -> None:
    rng = np.random.default_rng(0)
    files = sorted(path for path in copy.rglob("*") if path.suffix in (".parquet", ".json"))
    assert len(files) > 20
    for path in files:
        whole = path.read_bytes()
        place, bit = int(rng.integers(len(whole))), 1 << int(rng.integers(8))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        part = int(path.stem[5:]) if path.stem.startswith("part-") else None
        harm = [one for one in verify(copy).problems if one.file == path.relative_to(copy).as_posix()]
        assert [one.shard for one in harm] == [part], (path, place, bit)
        path.write_bytes(whole)
    assert verify(copy).problems == ()


def test_verify_exits_with_1_and_names_what_is_wrong(copy: Path) -> None:
    path = next((copy / "products").glob("picture-*/part-00001.parquet"))
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    code, told, _ = run("verify", copy)
    assert code == 1
    assert path.relative_to(copy).as_posix() in told
    assert "1 wrong" in told
    code, told, _ = run("verify", copy, "--format", "json")
    (harm,) = json.loads(told)["problems"]
    assert (code, harm["file"], harm["shard"]) == (1, path.relative_to(copy).as_posix(), 1)
    assert harm["what"].startswith("no sound Parquet file (")


def test_a_note_in_other_bytes_is_named(copy: Path) -> None:
    path = copy / "evidence" / "sare.json"
    path.write_bytes(path.read_bytes().replace(b": ", b":  ", 1))
    assert [(one.file, one.what) for one in verify(copy).problems] == [
        (
            "evidence/sare.json",
            "got other bytes than the store writes for this content: delete this file and run the same command again; "
            "of a recipe delete the folder",
        )
    ]


def test_files_that_disagree_are_named(copy: Path) -> None:
    shelf = next((copy / "products").glob("caption-*"))
    first, second = (shelf / f"part-0000{number}.parquet" for number in (0, 1))
    whole = second.read_bytes()
    second.write_bytes(first.read_bytes())
    (harm,) = verify(copy).problems
    words = r"got 31 rows for 29 pictures \(29 lacking, 31 of no picture of this shard\): delete this file"
    assert (harm.file, harm.shard) == (second.relative_to(copy).as_posix(), 1)
    assert re.match(words, harm.what)
    second.write_bytes(whole)
    samples = copy / "samples"
    whole = (samples / second.name).read_bytes()
    (samples / second.name).write_bytes((samples / first.name).read_bytes())
    told = {one.file: one.what for one in verify(copy).problems}
    assert told[f"samples/{second.name}"].startswith("got 32 other samples than the 29 planned: delete this file")
    (samples / second.name).write_bytes(whole)
    shutil.copy(first, shelf / "part-00007.parquet")
    assert [(one.shard, one.what) for one in verify(copy).problems] == [
        (7, "is of no shard of the plan: delete this file")
    ]
    shutil.rmtree(shelf)
    assert {one.file for one in verify(copy).problems} == {f"evidence/{view.method}.json" for view in ls(copy).views}
    assert all(f"names the product table {shelf.name}, which is not there" in one.what for one in verify(copy).problems)


def test_without_a_sound_plan_the_parts_are_looked_at_all_the_same(copy: Path) -> None:
    (copy / "plan.parquet").write_bytes(b"PAR1")
    path = copy / "samples" / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert [one.file for one in verify(copy).problems] == ["plan.parquet", "samples/part-00001.parquet"]


def test_files_of_before_are_sound_and_counted(copy: Path) -> None:
    path = next((copy / "products").glob("caption-*/part-00000.parquet"))
    table = pq.read_table(path)
    kept = {key: word for key, word in table.schema.metadata.items() if b"checksum" not in key and b"sha" not in key}
    pq.write_table(table.replace_schema_metadata(kept), path, compression="zstd", write_page_checksum=True)
    proof = verify(copy)
    assert (proof.problems, proof.without_checksum) == ((), 1)
    assert "1 of them written before there were checksums: nothing wrong" in run("verify", copy)[1]


def spare(copy: Path) -> int:
    """Put a shelf beside the others that no view names; its bytes."""
    store = Store(copy)
    pixels = [row["pixels"] for row in store.read_shard(0).to_pylist() if row["pixels"]]
    store.product_table(OTHER).write(0, embedding_rows(OTHER, pixels, np.zeros((len(pixels), 2), np.float32)))
    return sum(path.stat().st_size for path in (copy / "products" / OTHER.name).iterdir())


def test_prune_removes_what_no_view_names_and_nothing_else(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = {str(path) for path in copy.rglob("*")}
    size = spare(copy)
    assert shelved(ls(copy), OTHER.name).named_by == ()
    (removed,) = prune(copy, max_bytes=None)
    assert (removed.name, removed.files, removed.bytes) == (OTHER.name, 2, size)
    assert caplog.messages == [f"no view names {OTHER.name}: 2 files, {size} bytes"]
    assert {str(path) for path in copy.rglob("*")} == before
    assert prune(copy) == []
    assert run("prune", copy, "--format", "json")[:2] == (0, "[]\n")


def test_prune_asks_first(copy: Path) -> None:
    size = spare(copy)
    words = rf"{size} bytes in 1 product tables of .*evidence would be removed: add --yes \(max_bytes=None in Python\)"
    with pytest.raises(OptionError, match=words):
        prune(copy)
    code, told, said = run("prune", copy)
    assert (code, told) == (2, "")
    assert "add --yes (max_bytes=None in Python) to remove them" in said
    assert (copy / "products" / OTHER.name).is_dir()
    code, told, _ = run("prune", copy, "--yes")
    assert (code, told.splitlines()[-1]) == (0, f"removed {size} bytes of 1 product tables")


def test_prune_keeps_further_draws_that_a_note_tells_of(copy: Path) -> None:
    store = Store(copy)
    view = store.read_view("sare")
    base = store.open_product_table(view.products["reconstructions"])
    drawn = base.recipe.at_noise(1)
    table = base.read(0).slice(0, 2)
    pixels = table["pixels"].to_pylist()
    store.product_table(drawn).write(0, picture_rows(drawn, pixels, pictures(table)))
    store.write_noise_samples(NoiseSamples("sare", view.fingerprint, 2, {"0": pixels}))
    found = ls(copy)
    one = shelved(found, drawn.name)
    assert (one.named_by, one.missing) == (("sare: reconstructions, noise sample 2",), 0)
    assert [asdict(draws) for draws in found.noise_samples] == [
        {"method": "sare", "number": 2, "pictures": 2, "current": True}
    ]
    assert verify(copy).problems == ()
    assert prune(copy, max_bytes=None) == []
    store.write_noise_samples(NoiseSamples("sare", "f" * 64, 2, {"0": pixels}))
    assert [gone.name for gone in prune(copy, max_bytes=None)] == [drawn.name]


def test_a_store_without_a_view_is_not_pruned(copy: Path) -> None:
    shutil.rmtree(copy / "evidence")
    with pytest.raises(StoreError, match=r"has no view of any evidence, .*: finish the extraction by the same command"):
        prune(copy, max_bytes=None)


def test_a_folder_that_is_no_store_is_an_error(tmp_path: Path) -> None:
    for verb in (ls, verify, prune):
        with pytest.raises(StoreError, match=rf"{tmp_path} is no folder of evidence .*--out {tmp_path}`"):
            verb(tmp_path)


def test_a_disk_that_refuses_to_remove_is_an_error(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spare(copy)

    def unlink(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(StoreError, match=rf"{OTHER.name} cannot be removed \(Operation not permitted\)"):
        prune(copy, max_bytes=None)

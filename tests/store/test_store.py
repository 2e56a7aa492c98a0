"""The folder OUT as a whole: plan, samples, shelves, views."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from unprompt.errors import StoreError, UnreadablePicture
from unprompt.store import EvidenceView, ProductRecipe, Store, caption_rows, captions, sample_rows
from unprompt.types import Caption, Sample


def fill(store, parts, word="no picture"):
    for part in parts:
        store.write_samples(part.index, sample_rows(part, [UnreadablePicture(word) for _ in part.rows]))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out")


@pytest.fixture
def view():
    return EvidenceView("sare", 2, {"strength": 0.5, "guided": True}, "miniature", {"caption": "caption-abc"})


def test_the_room_loads_no_torch():
    code = "import sys, unprompt.store, unprompt.datasets; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_planning_again_changes_no_byte(store, samples):
    parts = list(store.plan(samples))
    written = (store.root / "plan.parquet").read_bytes()
    assert [len(part.rows) for part in parts] == [32, 32, 6]
    assert list(store.plan(samples)) == list(store.plan(reversed(samples))) == list(store.shards()) == parts
    assert len(store.plan(samples)) == 3
    assert (store.root / "plan.parquet").read_bytes() == written


def test_a_store_that_is_complete_can_be_read_only(store, samples, monkeypatch):
    parts = list(store.plan(samples))

    def refuse(*_):
        raise OSError("Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(os, "open", refuse)
    assert list(store.plan(samples)) == parts
    with pytest.raises(StoreError, match=r"plan\.lock cannot be opened \(Read-only file system\)"):
        store.plan([*samples, Sample("new.png")])


def test_only_the_parts_that_hold_the_samples_are_given_and_whole(store, samples):
    store.plan(samples)
    assert [part.index for part in store.plan(samples[40:41])] == [1]
    assert [len(part.rows) for part in store.plan(samples[40:41])] == [32]
    assert list(store.plan([])) == []


def test_the_last_row_of_a_file_wins(store, samples):
    fill(store, store.plan(samples), "before")
    with open(samples[3].uri, "ab") as file:
        file.write(b"more")
    old, *_, new = store.plan(samples)
    assert (new.index, new.samples) == (3, (samples[3],))
    assert samples[3] in old.samples
    fill(store, [new], "after")
    rows = store.read_samples().to_pylist()
    assert sorted(row["uri"] for row in rows) == [sample.uri for sample in samples]
    assert {row["uri"] for row in rows if row["error"] == "after"} == {samples[3].uri}


def test_labels_last_told_are_read_without_reading_pictures_again(store, samples):
    fill(store, store.plan(samples))
    told = [replace(sample, label=None, generator="flow", split="test") for sample in samples[:2]]
    assert [part.index for part in store.plan([*told, *samples[2:]])] == [0, 1, 2]
    rows = store.read_samples().to_pylist()
    assert len(rows) == 70
    facts = [(row["label"], row["generator"], row["split"]) for row in rows[:3]]
    assert facts == [(None, "flow", "test"), (None, "flow", "test"), (0, "sd15", "train")]


def test_of_a_changed_file_the_former_row_counts_until_it_is_read_anew(store, samples):
    fill(store, store.plan(samples), "before")
    with open(samples[3].uri, "ab") as file:
        file.write(b"more")
    *_, new = store.plan(samples)
    assert {row["error"] for row in store.read_samples().to_pylist()} == {"before"}
    assert store.missing([0, 1, 2, 3], []) == {3}
    fill(store, [new], "after")
    assert [table.num_rows for _, table in store.current()] == [31, 32, 6, 1]
    assert store.missing([0, 1, 2, 3], []) == frozenset()
    assert store.missing([0, 3], ["caption-0123"]) == {0, 3}


def test_samples_of_another_part_are_an_error(store, samples):
    fill(store, store.plan(samples))
    (store.root / "samples" / "part-00001.parquet").replace(store.root / "samples" / "part-00002.parquet")
    with pytest.raises(StoreError, match=rf"part-00002\.parquet: got {samples[32].uri}; expected what the plan puts"):
        store.read_samples()


def test_strays_are_no_parts(store, samples):
    parts = list(store.plan(samples))
    fill(store, parts)
    for name in (".part-00000.parquet.host.1.tmp", "part-00000.parquet.tmp", "part-1.parquet", "notes.txt"):
        (store.root / "samples" / name).write_bytes(b"half")
    assert store.read_samples().num_rows == 70
    assert store.read_shard(0).num_rows == 32
    assert store.read_shard(3) is None
    assert store.shards_read() == {0, 1, 2}


def test_an_empty_store_says_how_to_fill_it(store):
    words = rf"{re.escape(str(store.root))} holds no samples; .*--data \.\.\. --out {re.escape(str(store.root))}`"
    with pytest.raises(StoreError, match=words):
        store.read_samples()


@pytest.mark.parametrize("name", ["plan.parquet", "samples/part-00001.parquet"])
def test_a_damaged_file_is_named(store, samples, name):
    fill(store, store.plan(samples))
    path = store.root / name
    path.write_bytes(path.read_bytes()[:200])
    remedy = "another --out" if name == "plan.parquet" else "delete this file and run the same command again"
    with pytest.raises(StoreError, match=rf"{re.escape(str(path))}: no sound Parquet file .*{remedy}"):
        store.read_samples()


def test_a_shelf_keeps_its_recipe(store, recipe):
    shelf = store.product_table(recipe)
    assert shelf.name == f"caption-{recipe.fingerprint[:12]}"
    assert shelf.read(0) is None
    shelf.write(0, caption_rows(recipe, ["a"], [Caption("a ball")]))
    found = store.open_product_table(shelf.name)
    assert found.recipe.fingerprint == recipe.fingerprint
    assert captions(found.read(0)) == [Caption("a ball")]
    assert store.product_table(replace(recipe, version=2)).read(0) is None


def test_a_recipe_under_its_former_name_is_read(store, recipe):
    shelf = store.product_table(recipe)
    shelf.write(0, caption_rows(recipe, ["a"], [Caption("a ball")]))
    (shelf.folder / "_recipe.json").rename(shelf.folder / "recipe.json")
    store.product_table(recipe).write(1, caption_rows(recipe, ["b"], [Caption("a cube")]))
    assert sorted(path.name for path in shelf.folder.iterdir()) == [
        "part-00000.parquet",
        "part-00001.parquet",
        "recipe.json",
    ]
    assert captions(store.open_product_table(shelf.name).read(1)) == [Caption("a cube")]


def test_the_draws_of_a_recipe(recipe):
    drawn = recipe.at_noise(2)
    assert (recipe.noise, drawn.noise, drawn.at_noise(0)) == (0, 2, recipe)
    assert drawn.parameters == {"beams": 3, "noise": 2}


def test_rows_of_another_recipe_are_refused(store, recipe):
    other = replace(recipe, parameters={"beams": 4})
    rows = caption_rows(other, ["a"], [Caption("a ball")])
    shelf = store.product_table(recipe)
    words = rf"part-00000\.parquet: got fingerprint {rows['fingerprint'][0]} for pixels a; .* of recipe {shelf.name}"
    with pytest.raises(StoreError, match=words):
        shelf.write(0, rows)
    assert not shelf.folder.exists()
    store.product_table(other).write(0, rows)
    store.product_table(other).folder.rename(shelf.folder)
    with pytest.raises(StoreError, match=words):
        shelf.read(0)
    with pytest.raises(StoreError, match=f"got the recipe of {other.name}; expected that of {shelf.name}; delete"):
        store.product_table(recipe)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"recipe": {"kind": "sound", "version": 1}, "fingerprint": ""}'])
def test_a_damaged_recipe_is_named(store, recipe, text):
    store.product_table(recipe).write(0, caption_rows(recipe, ["a"], [Caption("a ball")]))
    (store.root / "products" / recipe.name / "_recipe.json").write_text(text)
    with pytest.raises(StoreError, match=rf"{recipe.name}/_recipe\.json: no sound recipe \(.*delete .*{recipe.name}"):
        store.product_table(recipe)


def test_a_shelf_that_is_not_there_is_an_error(store):
    with pytest.raises(StoreError, match=r"picture-0123/_recipe\.json: no sound recipe \(FileNotFoundError"):
        store.open_product_table("picture-0123")


def test_a_view_is_read_as_written(store, view):
    store.write_view(view)
    assert store.read_view("sare") == view
    assert store.read_view("sare").fingerprint == view.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"method": "tidy"},
        {"version": 3},
        {"options": {"strength": 0.6, "guided": True}},
        {"products": {"caption": "x"}},
    ],
    ids=str,
)
def test_any_change_of_a_view_moves_its_fingerprint_but_the_suites_name(view, change):
    assert replace(view, **change).fingerprint != view.fingerprint
    assert replace(view, suite="copy").fingerprint == view.fingerprint


def test_a_missing_view_names_what_is_there(store, view):
    remedy = re.escape(f"`unprompt extract item --data ... --out {store.root}`")
    with pytest.raises(StoreError, match=rf"evidence holds no evidence of 'item'; methods there: none; run {remedy}"):
        store.read_view("item")
    store.write_view(view)
    store.write_view(replace(view, method="semgir"))
    with pytest.raises(StoreError, match=rf"of 'item'; methods there: sare, semgir; run {remedy}"):
        store.read_view("item")


def test_a_damaged_view_is_named(store, view):
    store.write_view(view)
    path = store.root / "evidence" / "sare.json"
    whole = path.read_text()
    for damaged in ("", whole[:-20], "[]", "{}", '{"view": {"method": "sare"}, "fingerprint": ""}'):
        path.write_text(damaged)
        with pytest.raises(StoreError, match=r"sare\.json: no sound evidence view \(.*run `unprompt extract sare"):
            store.read_view("sare")
    for flipped in (whole.replace("miniature", "liniature"), whole.replace('"checksum"', '"bhecksum"')):
        path.write_text(flipped)
        with pytest.raises(StoreError, match=rf"got fingerprint {view.fingerprint}; .* of 'sare' and its checksum"):
            store.read_view("sare")
    former = json.loads(whole)
    del former["checksum"]
    path.write_text(json.dumps(former))
    assert store.read_view("sare") == view
    path.write_text(whole.replace("0.5", "0.6"))
    with pytest.raises(StoreError, match=rf"got fingerprint {view.fingerprint}; expected [0-9a-f]+ of 'sare'"):
        store.read_view("sare")


def test_recipes_of_every_kind_have_their_own_shelf(store):
    names = {
        store.product_table(ProductRecipe(kind, 1)).name.split("-")[0] for kind in ("caption", "embedding", "picture")
    }
    assert names == {"caption", "embedding", "picture"}

"""Objects to rows and back, for every kind and the samples."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unprompt.errors import OptionError, StoreError, UnreadablePicture
from unprompt.images import POLICY
from unprompt.store import (
    ProductRecipe,
    Store,
    box_rows,
    boxes,
    caption_rows,
    captions,
    embedding_rows,
    embeddings_rows,
    fingerprint,
    picture_rows,
    pictures,
    sample_rows,
    several_vectors,
    vectors,
)
from unprompt.types import Box, Caption, Picture, Sample


def picture(uri: str) -> Picture:
    return Picture(uri, np.zeros((2, 3, 3), np.uint8), "s" * 64, "p" * 64, 3, 2, "JPEG", 90)


def test_captions(tmp_path, recipe):
    said = [Caption("ein Würfel"), Caption("a picture", True)]
    shelf = Store(tmp_path).product_table(recipe)
    shelf.write(0, caption_rows(recipe, ["a", "b"], said))
    table = shelf.read(0)
    assert captions(table) == said
    assert table["fingerprint"].to_pylist() == [fingerprint(recipe.fingerprint, name) for name in "ab"]


@pytest.mark.parametrize("count", [0, 1, 32])
def test_vectors(tmp_path, count):
    recipe = ProductRecipe("embedding", 1)
    made = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    shelf = Store(tmp_path).product_table(recipe)
    shelf.write(0, embedding_rows(recipe, [str(place) for place in range(count)], made))
    read = vectors(shelf.read(0))
    assert read.dtype == np.float32
    assert read.shape == (made.shape if count else (0, 0))
    assert read.tobytes() == made.tobytes()


def test_vectors_of_two_widths_are_an_error():
    recipe = ProductRecipe("embedding", 1)
    table = embedding_rows(recipe, ["a"], np.zeros((1, 2))).to_pylist()
    table += embedding_rows(recipe, ["b"], np.zeros((1, 3))).to_pylist()
    mixed = embedding_rows(recipe, [], np.zeros((0, 2))).from_pylist(table)
    with pytest.raises(StoreError, match=r"widths \[2, 3\] in one table; expected one width"):
        vectors(mixed)


edges = st.floats(0, 1, width=32)
some_boxes = st.lists(st.builds(Box, st.text(max_size=9), edges, edges, edges, edges, edges), max_size=4).map(tuple)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(some_boxes, max_size=4))
def test_boxes(tmp_path, found):
    shelf = Store(tmp_path).product_table(ProductRecipe("boxes", 1))
    shelf.write(0, box_rows(shelf.recipe, [str(place) for place in range(len(found))], found))
    assert boxes(shelf.read(0)) == found


def test_several_vectors(tmp_path):
    recipe = ProductRecipe("embeddings", 1)
    made = [np.random.default_rng(n).normal(size=(n, 5)).astype(np.float32) for n in (2, 0, 1)]
    shelf = Store(tmp_path).product_table(recipe)
    shelf.write(0, embeddings_rows(recipe, ["a", "b", "c"], made))
    found = several_vectors(shelf.read(0))
    assert [one.shape for one in found] == [(2, 5), (0, 0), (1, 5)]
    assert all(one.tobytes() == other.tobytes() for one, other in zip(found, made, strict=True))


def test_pictures(tmp_path):
    recipe = ProductRecipe("picture", 1, parameters={"strength": 0.5})
    made = [b"\x89PNG one", b"\x89PNG \x00 two"]
    shelf = Store(tmp_path).product_table(recipe)
    shelf.write(0, picture_rows(recipe, ["a", "b"], made))
    assert pictures(shelf.read(0)) == made


def test_each_picture_has_its_product(recipe):
    with pytest.raises(StoreError, match=r"got \{'text': 1, 'fallback': 1\} for 2 pictures; expected one caption"):
        caption_rows(recipe, ["a", "b"], [Caption("one")])
    with pytest.raises(StoreError, match="got a recipe of kind 'caption'; expected 'picture'"):
        picture_rows(recipe, ["a"], [b""])
    with pytest.raises(OptionError, match="got product kind 'sound'; expected one of caption, embedding, picture"):
        ProductRecipe("sound", 1)


def test_a_picture_and_an_error_are_rows(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"12345")
    a, b = Sample(str(tmp_path / "a.jpg"), 1, "sd15", "train"), Sample(str(tmp_path / "b.jpg"))
    store = Store(tmp_path / "out")
    (part,) = store.plan([a, b])
    told = replace(picture(a.uri), warnings=("odd", "torn"))
    store.write_samples(part.index, sample_rows(part, [told, UnreadablePicture("truncated")]))
    good, bad = store.read_samples().to_pylist()
    assert good | {"mtime_ns": 0} == {
        "uri": a.uri, "bytes": 5, "mtime_ns": 0, "label": 1, "generator": "sd15", "split": "train",
        "status": "ok", "error": None, "sha256": "s" * 64, "pixels": "p" * 64,
        "width": 3, "height": 2, "format": "JPEG", "quality": 90,
        "perturbation": None, "original": None, "decoding": POLICY, "warnings": "odd; torn",
    }  # fmt: skip
    known = {"uri": b.uri, "generator": "", "status": "error", "error": "truncated"}
    assert bad == dict.fromkeys(good) | known


def test_a_perturbed_picture_keeps_the_hash_of_its_original(tmp_path):
    samples = [Sample("a.jpg"), Sample("b.jpg")]
    store = Store(tmp_path / "out")
    (part,) = store.plan(samples)
    changed = replace(picture("a.jpg"), pixels="q" * 64, original="p" * 64)
    store.write_samples(part.index, sample_rows(part, [changed, UnreadablePicture("truncated")], "jpeg:80"))
    good, bad = store.read_samples().to_pylist()
    assert (good["pixels"], good["original"], good["sha256"]) == ("q" * 64, "p" * 64, "s" * 64)
    assert (good["perturbation"], bad["perturbation"], bad["original"]) == ("jpeg:80", "jpeg:80", None)


def test_a_store_holds_one_perturbation(tmp_path):
    store = Store(tmp_path / "out")
    store.check_perturbation("blur:2")
    (part,) = store.plan([Sample("a.jpg")])
    store.write_samples(part.index, sample_rows(part, [picture("a.jpg")], "jpeg:80"))
    store.check_perturbation("jpeg:80")
    with pytest.raises(StoreError, match="holds pictures with --perturb jpeg:80, got nothing: give each"):
        store.check_perturbation("")


def test_samples_of_before_the_later_columns_are_read(tmp_path):
    store = Store(tmp_path / "out")
    (part,) = store.plan([Sample("a.jpg")])
    store.write_samples(part.index, sample_rows(part, [picture("a.jpg")]))
    path = tmp_path / "out" / "samples" / "part-00000.parquet"
    whole = store.read_shard(0)
    assert store.decodings() == (POLICY,)
    pq.write_table(pq.read_table(path).drop_columns(["perturbation", "original", "decoding", "warnings"]), path)
    old = store.read_shard(0)
    assert old.drop_columns("decoding") == whole.drop_columns("decoding")
    assert old["decoding"].to_pylist() == [None]
    store.check_perturbation("")
    assert store.decodings() == (1,)


def test_every_sample_needs_its_row(tmp_path):
    (part,) = Store(tmp_path / "out").plan([Sample("a"), Sample("b")])
    with pytest.raises(ValueError, match="zip"):
        sample_rows(part, [UnreadablePicture("one only")])

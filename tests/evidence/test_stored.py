"""Evidence from a store is the evidence that was made, and nothing runs to read it."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unprompt.errors import StoreError
from unprompt.evidence.alignment import AlignmentExtractor, Objects
from unprompt.evidence.attribution import AttributionExtractor
from unprompt.evidence.base import Extractor, ok_rows, rows_by_shard
from unprompt.evidence.embedding import EmbeddingExtractor
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.sare import SareExtractor
from unprompt.evidence.semgir import SemgirExtractor
from unprompt.evidence.trivial import TrivialExtractor
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.store import Shard, Store, sample_rows
from unprompt.types import Picture, Sample

EXTRACTORS: list[Callable[[], Extractor[Any]]] = [
    SareExtractor,
    lambda: SareExtractor(guided=False),
    lambda: SemgirExtractor(k=2),
    lambda: AttributionExtractor(("diffusion", "sibling")),
    lambda: AlignmentExtractor("item"),
    lambda: AlignmentExtractor("tidy", objects=True),
    EmbeddingExtractor,
    lambda: SareExtractor(native=True),
    lambda: AlignmentExtractor("tidy", objects=True, preprocess="crop"),
    lambda: EmbeddingExtractor(preprocess="crop"),
    lambda: TrivialExtractor("trivial-energy"),
]


def forbid(suite: Suite, patch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise AssertionError("an instrument ran")

    patch.setattr(suite.captioner, "_caption", run)
    for name in ("_embed_pictures", "_embed_texts"):
        patch.setattr(suite.encoder, name, run)
    patch.setattr(suite.grounder, "_search", run)
    for name in ("_reconstruct", "_regenerate"):
        patch.setattr(suite.diffusion, name, run)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Objects):
        return same(one, other)
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else bool(one == other)


def same(left: Any, right: Any) -> bool:
    for field in fields(left):
        one, other = (
            tuple(value.values()) if isinstance(value, dict) else value
            for value in (getattr(left, field.name), getattr(right, field.name))
        )
        pairs = zip(one, other, strict=True) if isinstance(one, tuple) else [(one, other)]
        if not all(equal(a, b) for a, b in pairs):
            return False
    return True


@pytest.mark.parametrize("build", EXTRACTORS)
def test_what_comes_back_is_what_was_made(
    build: Callable[[], Extractor[Any]],
    suite: Suite,
    pictures: list[Picture],
    store: Store,
    shard: Shard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extractor = build()
    made = extractor.extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    view = extractor.view(suite)
    store.write_view(view)
    assert set(view.products.values()) == {path.name for path in (store.root / "products").glob("*")}
    forbid(suite, monkeypatch)
    found = extractor.load_shard(store, store.read_view(extractor.method), shard.index, suite)
    assert len(found) == len(pictures)
    assert all(same(a, b) for a, b in zip(made, found, strict=True))
    rows = ok_rows(store, shard.index)[::-1][:2]
    turned = extractor.load_shard(store, view, shard.index, suite, rows)
    assert all(same(a, b) for a, b in zip(made[::-1][:2], turned, strict=True))


def test_a_second_run_makes_nothing(
    suite: Suite, pictures: list[Picture], store: Store, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = SareExtractor().extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    forbid(suite, monkeypatch)
    again = SareExtractor().extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


def test_tidy_and_item_share_their_products(suite: Suite) -> None:
    assert AlignmentExtractor("tidy").view(suite).products == AlignmentExtractor("item").view(suite).products


def test_a_store_of_both_scopes_serves_a_global_head_and_not_the_other_way_round(
    suite: Suite, pictures: list[Picture], store: Store, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    rich, poor = AlignmentExtractor("tidy", objects=True), AlignmentExtractor("tidy")
    made = rich.extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    assert all(one.objects and one.objects.boxes for one in made)
    forbid(suite, monkeypatch)
    found = poor.load_shard(store, rich.view(suite), shard.index, suite)
    assert [one.objects for one in found] == [None] * len(pictures)
    assert all(np.array_equal(one.image, other.image) for one, other in zip(found, made, strict=True))
    with pytest.raises(StoreError, match=r"expected .*'boxes': 'boxes-[0-9a-f]{12}'.* of tidy from suite 'fake'"):
        rich.load_shard(store, poor.view(suite), shard.index, suite)
    assert not rich.view(suite).serves(AlignmentExtractor("item").view(suite))


def test_pictures_in_which_nothing_is_found_come_back_so(
    suite: Suite, pictures: list[Picture], store: Store, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite.grounder, "threshold", 0.9999)
    extractor = AlignmentExtractor("tidy", objects=True)
    made = extractor.extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    found = extractor.load_shard(store, extractor.view(suite), shard.index, suite)
    assert all(same(one, other) for one, other in zip(made, found, strict=True))
    for one in found:
        assert one.objects is not None
        assert one.objects.boxes == ()
        assert one.objects.images.shape == one.objects.texts.shape == (0, suite.encoder.width)


def test_global_evidence_does_not_depend_on_the_grounder(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [AlignmentExtractor("tidy", objects=objects).view(suite).fingerprint for objects in (False, True)]
    monkeypatch.setattr(suite.grounder, "card", replace(suite.grounder.card, digest="another"))
    after = [AlignmentExtractor("tidy", objects=objects).view(suite).fingerprint for objects in (False, True)]
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_an_unguided_reconstruction_does_not_depend_on_the_captioner(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = SareExtractor(guided=False).recipes(suite), SareExtractor().recipes(suite)
    monkeypatch.setattr(suite.captioner, "card", replace(suite.captioner.card, digest="another"))
    after = SareExtractor(guided=False).recipes(suite), SareExtractor().recipes(suite)
    assert before[0]["free_reconstructions"].name == after[0]["free_reconstructions"].name
    assert before[1]["reconstructions"].name != after[1]["reconstructions"].name


def test_a_changed_file_is_an_error(
    suite: Suite, pictures: list[Picture], store: Store, shard: Shard, files: list[Sample]
) -> None:
    extractor = SareExtractor()
    extractor.extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    Path(files[1].uri).write_bytes(encode_png(255 - pictures[1].rgb))
    with pytest.raises(StoreError, match=rf"1\.png shows other pixels .* \({pictures[1].pixels[:12]}\): put the file"):
        extractor.load_shard(store, extractor.view(suite), shard.index, suite)
    Path(files[1].uri).unlink()
    with pytest.raises(StoreError, match=r"1\.png cannot be opened again .*: put the file back"):
        extractor.load_shard(store, extractor.view(suite), shard.index, suite)


def test_of_a_file_that_was_read_anew_only_the_last_state_counts(
    store: Store, shard: Shard, files: list[Sample], pictures: list[Picture], suite: Suite
) -> None:
    assert {index: [row["uri"] for row in rows] for index, rows in rows_by_shard(store)} == {
        0: [sample.uri for sample in files[:3]]
    }
    Path(files[1].uri).write_bytes(encode_png(np.tile(pictures[1].rgb, (2, 1, 1))))
    _, new = store.plan(files)
    changed = read(Path(files[1].uri), files[1].uri)
    store.write_samples(new.index, sample_rows(new, [changed]))
    found = dict(rows_by_shard(store))
    assert [row["uri"] for row in found[0]] == [files[0].uri, files[2].uri]
    assert [row["pixels"] for row in found[1]] == [changed.pixels]
    extractor = SareExtractor()
    extractor.extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    assert len(extractor.load_shard(store, extractor.view(suite), shard.index, suite, found[0])) == 2


def test_a_lacking_product_is_an_error_and_not_made(suite: Suite, store: Store, shard: Shard) -> None:
    extractor = EmbeddingExtractor()
    with pytest.raises(StoreError, match=r"no picture_embeddings of shard 0 in products/embedding-[0-9a-f]{12}"):
        extractor.load_shard(store, extractor.view(suite), shard.index, suite)


def test_a_part_that_was_never_read_is_an_error(store: Store, shard: Shard) -> None:
    with pytest.raises(StoreError, match="no samples of shard 7: finish the extraction"):
        ok_rows(store, 7)


def test_evidence_of_another_suite_is_an_error(
    suite: Suite, store: Store, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = EmbeddingExtractor().view(suite)
    monkeypatch.setattr(suite.encoder, "card", replace(suite.encoder.card, digest="another"))
    with pytest.raises(StoreError, match=r"holds evidence of clip-probe from suite 'fake' .* extract it again"):
        EmbeddingExtractor().load_shard(store, view, shard.index, suite)


def test_pictures_that_a_part_did_not_hold_are_an_error(
    suite: Suite, pictures: list[Picture], store: Store, shard: Shard
) -> None:
    ProductCache(pictures[:2], suite, ShardReader(store, shard.index)).captions()
    with pytest.raises(StoreError, match=rf"holds 2 pictures, but not {pictures[2].pixels[:12]} \(1 lacking\)"):
        ProductCache(pictures, suite, ShardReader(store, shard.index)).captions()


def test_a_bench_of_nothing_asks_nobody(suite: Suite, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(suite, monkeypatch)
    cache = ProductCache([], suite, ShardReader(store, 0))
    assert cache.captions() == cache.reconstructions() == cache.regenerations() == cache.prepared() == []
    assert cache.boxes() == cache.object_embeddings() == cache.phrase_embeddings() == []
    assert cache.picture_embeddings().shape == (0, suite.encoder.width)
    assert SemgirExtractor(k=2).extract(cache) == []


def test_the_dtype_of_evidence_is_known_once_it_is_stored(
    suite: Suite, pictures: list[Picture], store: Store, shard: Shard
) -> None:
    half = suite.at_dtype("bfloat16")
    view = EmbeddingExtractor().view(half)
    assert store.dtype(view) is None
    EmbeddingExtractor().extract(ProductCache(pictures, half, ShardReader(store, shard.index)))
    assert store.dtype(view) == "bfloat16"

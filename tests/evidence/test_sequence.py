"""Stored evidence as a sequence: the evidence of ``load_shard``, read as it is needed and no more often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from unprompt.evidence.base import rows_by_shard
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.semgir import SemgirExtractor
from unprompt.evidence.sequence import ShardPart, StoredEvidence
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.store import Store, plan, sample_rows
from unprompt.store.product_table import ProductTable
from unprompt.store.table_cache import TableCache
from unprompt.types import Sample


@pytest.fixture
def parts(tmp_path: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> list[ShardPart]:
    """Five shards of two pictures and one of one, with SemGIR's products."""
    monkeypatch.setattr(plan, "SHARD_SIZE", 2)
    random, samples = np.random.default_rng(0), []
    for number in range(11):
        path = tmp_path / f"{number:02d}.png"
        path.write_bytes(encode_png(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)))
        samples.append(Sample(str(path), number % 2))
    store, extractor = Store(tmp_path / "out"), SemgirExtractor(1)
    for shard in store.plan(samples):
        pictures = [read(Path(one.uri), one.uri) for one in shard.samples]
        store.write_samples(shard.index, sample_rows(shard, pictures))
        extractor.extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    view = extractor.view(suite)
    return [ShardPart(store, view, shard, tuple(row["uri"] for row in rows)) for shard, rows in rows_by_shard(store)]


def pixels(evidence: Any) -> list[int]:
    return [int(one.regenerations[0].astype(int).sum()) for one in evidence]


@pytest.fixture
def expected(parts: list[ShardPart], suite: Suite) -> list[int]:
    return [
        one for part in parts for one in pixels(SemgirExtractor(1).load_shard(part.store, part.view, part.shard, suite))
    ]


def test_places_slices_and_choices(parts: list[ShardPart], suite: Suite, expected: list[int]) -> None:
    evidence = StoredEvidence(SemgirExtractor(1), suite, parts)
    assert len(parts) == 6
    assert len(evidence) == 11
    assert pixels(evidence) == expected
    assert pixels([evidence[3], evidence[-1]]) == [expected[3], expected[-1]]
    assert pixels(evidence[1::3]) == expected[1::3]
    assert pixels(evidence[2:9][1:3]) == expected[3:5]
    assert pixels(evidence.take([7, 0, 7, 3])) == [expected[at] for at in (7, 0, 7, 3)]
    assert pixels(evidence.subset([9, 2, 4])[1:]) == [expected[2], expected[4]]
    with pytest.raises(IndexError):
        evidence[11]


def test_a_slice_reads_nothing(parts: list[ShardPart], suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductTable, "read", lambda *_: pytest.fail("nothing may be read"))
    evidence = StoredEvidence(SemgirExtractor(1), suite, parts)
    assert len(evidence[::2].subset([0, 1])) == 2
    assert sorted(evidence.shuffled(np.random.default_rng(0))) == list(range(11))


def test_what_fits_is_permuted_plainly(parts: list[ShardPart], suite: Suite) -> None:
    order = StoredEvidence(SemgirExtractor(1), suite, parts).shuffled(np.random.default_rng(5))
    assert order.tolist() == np.random.default_rng(5).permutation(11).tolist()


def test_what_does_not_fit_is_mixed_a_few_shards_at_a_time(
    parts: list[ShardPart], suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [part.store.shard_bytes(part.view.products.values())[part.shard] for part in parts]
    tables = TableCache(budget=4 * sum(sizes) // len(sizes) + 1)
    evidence = StoredEvidence(SemgirExtractor(1), suite, parts, tables=tables)
    orders = [evidence.shuffled(np.random.default_rng((0, epoch))).tolist() for epoch in range(20)]
    assert all(sorted(order) == list(range(11)) for order in orders)
    assert orders[3] == evidence.shuffled(np.random.default_rng((0, 3))).tolist()
    assert len(set(map(tuple, orders))) > 10

    reads: Counter[tuple[str, int]] = Counter()
    plain = ProductTable.read

    def counted(table: ProductTable, shard: int) -> pa.Table | None:
        reads[table.name, shard] += 1
        return plain(table, shard)

    monkeypatch.setattr(ProductTable, "read", counted)
    for place in orders[0]:
        evidence.take([place])
    assert set(reads.values()) == {1}, "each shard is read once an epoch"


def test_going_through_once_keeps_no_table(parts: list[ShardPart], suite: Suite) -> None:
    tables = TableCache()
    evidence = StoredEvidence(SemgirExtractor(1), suite, parts, tables=tables)
    assert pixels(evidence.subset([9, 2, 4]).unkept()) == pixels(evidence.subset([9, 2, 4]))
    kept = tables.nbytes
    assert kept > 0
    once = evidence.unkept()
    assert len(list(once)) == 11
    assert (tables.nbytes, once.tables.nbytes) == (kept, 0)


def test_a_cache_keeps_what_was_used_last_within_its_budget() -> None:
    table = pa.table({"x": np.zeros(1000, np.int64)})
    cache, loaded = TableCache(budget=2 * table.nbytes), Counter[str]()

    def get(name: str) -> pa.Table | None:
        def load() -> pa.Table:
            loaded[name] += 1
            return table

        return cache.read(name, load)

    for name in "abaccab":
        assert get(name) is table
    assert loaded == {"a": 1, "b": 2, "c": 1}
    assert cache.read("none", lambda: None) is None
    small = TableCache(budget=1)
    assert small.read("large", lambda: table) is table

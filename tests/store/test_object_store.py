"""A store behind a URL: the bytes of a folder, objects that are whole or not there, and nothing lost between runs."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from unprompt.errors import MissingExtra, OptionError, StoreError, UnreadablePicture
from unprompt.store import EvidenceView, ProductRecipe, Store, caption_rows, object_path, place, sample_rows
from unprompt.store.object_path import ObjectPath, Overtaken
from unprompt.store.parquet import FOOTER, rows_in
from unprompt.types import Caption, Sample


class Bucket(MemoryFileSystem):
    """fsspec's store in memory, which keeps listings and heeds conditions as that of S3 does."""

    protocol = ("memory", "s3")
    asked: ClassVar[list[tuple[str, str]]] = []
    puts_left: ClassVar[int] = 10**6

    def ls(self, path: str, detail: bool = True, **given: Any) -> Any:
        self.asked.append(("ls", path))
        found = self.dircache[path] if path in self.dircache else super().ls(path, detail=True)
        self.dircache[path] = found
        return found

    def info(self, path: str, **given: Any) -> Any:
        self.asked.append(("info", path))
        facts = super().info(path)
        return facts | ({"ETag": self.tag(path)} if facts["type"] == "file" else {})

    def tag(self, path: str) -> str:
        return md5(self.store[path].getvalue()).hexdigest() if path in self.store else ""

    def pipe_file(self, path: str, value: bytes, **conditions: str) -> None:
        there = self.tag(path)
        if (there and "IfNoneMatch" in conditions) or there != conditions.get("IfMatch", there):
            raise OSError(22, "At least one of the pre-conditions you specified did not hold")
        if Bucket.puts_left == 0:
            raise ConnectionError("the line is cut")
        Bucket.puts_left -= 1
        super().pipe_file(path, value)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    fsspec.register_implementation("memory", Bucket, clobber=True)
    object_path._filesystem.cache_clear()
    monkeypatch.setattr(Bucket, "asked", [])
    monkeypatch.setattr(Bucket, "puts_left", 10**6)
    yield "memory://bucket/evidence"
    fsspec.register_implementation("memory", MemoryFileSystem, clobber=True)
    object_path._filesystem.cache_clear()
    if MemoryFileSystem().exists("/bucket"):
        MemoryFileSystem().rm("/bucket", recursive=True)


def fill(root: str | Path, samples: list[Sample], recipe: ProductRecipe) -> None:
    store = Store(place(root))
    table = store.product_table(recipe)
    for shard in store.plan(samples):
        if table.read(shard.index) is None:
            pixels = [Path(sample.uri).stem for sample in shard.samples]
            table.write(shard.index, caption_rows(recipe, pixels, [Caption(name) for name in pixels]))
        if store.read_shard(shard.index) is None:
            store.write_samples(shard.index, sample_rows(shard, [UnreadablePicture("none")] * len(shard.rows)))
    store.write_view(EvidenceView("sare", 1, {}, "fake", {"captions": table.name}))


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "plan.lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def objects() -> dict[str, bytes]:
    found = MemoryFileSystem().find("/bucket/evidence")
    return {path.removeprefix("/bucket/evidence/"): MemoryFileSystem().cat_file(path) for path in found}


@pytest.fixture
def quiet(samples: list[Sample], recipe: ProductRecipe, tmp_path: Path) -> dict[str, bytes]:
    fill(tmp_path / "quiet", samples, recipe)
    return files(tmp_path / "quiet")


def test_a_run_whose_line_is_cut_at_any_object_goes_on_to_the_bytes_of_a_folder(
    url: str, samples: list[Sample], recipe: ProductRecipe, quiet: dict[str, bytes]
) -> None:
    for after in range(len(quiet)):
        Bucket.puts_left = after
        words = r"evidence/\S+ cannot be written \(ConnectionError: the line is cut\); expected an object store that"
        with pytest.raises(StoreError, match=words):
            fill(url, samples, recipe)
        assert len(objects()) == after
        assert objects().items() <= quiet.items()
        Bucket.puts_left = 10**6
        fill(url, samples, recipe)
        assert objects() == quiet
        MemoryFileSystem().rm("/bucket", recursive=True)


def test_of_a_large_object_the_footer_is_fetched(
    url: str, recipe: ProductRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Store(place(url)).product_table(recipe)
    table.write(0, caption_rows(recipe, [str(number) for number in range(6000)], [Caption("")] * 6000))
    path = place(f"{url}/products/{recipe.name}/part-00000.parquet")
    assert len(path.read_bytes()) > 2 * FOOTER
    assert rows_in(path) == 6000
    plain, asked = ObjectPath.read_bytes, list[int | None]()
    monkeypatch.setattr(ObjectPath, "read_bytes", lambda path, last=None: asked.append(last) or plain(path, last))
    assert rows_in(path) == 6000
    assert asked == [FOOTER]


def test_a_second_run_asks_once_a_table(url: str, samples: list[Sample], recipe: ProductRecipe) -> None:
    fill(url, samples, recipe)
    store, numbers = Store(place(url)), Store(place(url)).shards().numbers
    Bucket.asked.clear()
    assert store.missing(numbers, [recipe.name]) == frozenset()
    assert store.shard_bytes([recipe.name]).keys() == set(numbers) == {0, 1, 2}
    table = f"/bucket/evidence/products/{recipe.name}"
    assert Bucket.asked == [("ls", "/bucket/evidence/samples"), ("ls", table), ("ls", table)]


def test_what_another_process_wrote_or_removed_is_seen(url: str, samples: list[Sample], recipe: ProductRecipe) -> None:
    fill(url, samples[:32], recipe)
    store, others = Store(place(url)), Bucket()
    assert others.ls("/bucket/evidence/samples") == others.ls("/bucket/evidence/samples")  # which it keeps
    assert store.shards_read() == {0}
    MemoryFileSystem().copy(
        "/bucket/evidence/samples/part-00000.parquet", "/bucket/evidence/samples/part-00001.parquet"
    )
    assert store.shards_read() == {0, 1}
    assert len(others.ls("/bucket/evidence/samples")) == 1
    MemoryFileSystem().rm("/bucket/evidence/samples", recursive=True)
    assert store.shards_read() == frozenset()
    assert store.read_shard(0) is None


@pytest.mark.parametrize("moment", ["pinned", "_condition"])
def test_runs_that_plan_at_once_lose_and_double_nothing(
    url: str, samples: list[Sample], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Another run plans after this one looked, and after it compared: what S3 itself compares then decides."""
    plain, store = getattr(ObjectPath, moment), Store(place(url))
    store.plan(samples[:10])

    def between(path: ObjectPath, *given: Any) -> Any:
        monkeypatch.setattr(ObjectPath, moment, plain)
        answer = plain(path, *given)
        Store(place(url)).plan(samples[10:50])
        return answer

    monkeypatch.setattr(ObjectPath, moment, between)
    assert store.plan(samples[45:]).numbers == (2, 3)
    planned = [sample for shard in store.shards() for sample in shard.samples]
    assert sorted(planned, key=lambda one: one.uri) == samples
    assert [len(shard.rows) for shard in store.shards()] == [10, 32, 8, 20]


def test_a_run_whose_plan_was_overwritten_is_told(
    url: str, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store compares nothing, and another run puts its plan in the moment before."""
    monkeypatch.setattr(Bucket, "protocol", ("memory",))
    plain, first, second = ObjectPath._condition, Store(place(url)), Store(place(f"{url}/"))

    def between(path: ObjectPath) -> dict[str, str]:
        monkeypatch.setattr(ObjectPath, "_condition", plain)
        first.plan(samples[:40])
        return plain(path)

    monkeypatch.setattr(ObjectPath, "_condition", between)
    second.plan(samples[30:])
    second.check_planned(samples[30:])
    with pytest.raises(StoreError, match=r"evidence: another run planned at the same moment, .*: run the same command"):
        first.check_planned(samples[:40])
    first.plan(samples[:40])
    first.check_planned(samples[:40])


def test_a_plan_that_others_always_write_first_is_an_error(
    url: str, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = iter("abcdefghijklmnopqrst")
    monkeypatch.setattr(ObjectPath, "_version", lambda path: next(tags))
    with pytest.raises(Overtaken, match=r"evidence/plan\.parquet was written by another run meanwhile, .* run"):
        Store(place(url)).plan(samples)
    assert next(tags, None) is None
    assert objects() == {}


def test_a_store_that_refuses_is_an_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(files: Bucket, path: str, **given: Any) -> None:
        raise RuntimeError("Unable to locate\n credentials")

    monkeypatch.setattr(Bucket, "info", refusing)
    words = r"plan\.parquet cannot be asked for \(RuntimeError: Unable to locate credentials\); .* bucket's name"
    with pytest.raises(StoreError, match=words):
        Store(place(url)).planned_rows()
    with pytest.raises(StoreError, match=r"foo://b/samples cannot be opened \(ValueError: Protocol not known: foo\)"):
        Store(place("foo://b")).shards_read()


def test_what_is_no_place_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match=r"the store's folder is 's3://bucket/e', a URL"):
        Store(Path("s3://bucket/e"))
    with pytest.raises(OptionError, match=r"file:///tmp/e is a folder of this machine, expected its path"):
        place("file:///tmp/e")

    def missing(url: str, **options: Any) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(MissingExtra, match=r"s3://absent needs a package .* \(Install s3fs .*: pip install 'unprompt"):
        Store(place("s3://absent/e")).shards_read()

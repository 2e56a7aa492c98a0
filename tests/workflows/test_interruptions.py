"""Interrupted, disk full, read-only, two at once: extract and train leave whole files, and go on to the same bytes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest

from unprompt.cli import app
from unprompt.errors import CheckpointError, StoreError
from unprompt.evidence.base import ok_rows
from unprompt.store import Store
from unprompt.workflows.extract import extract
from unprompt.workflows.train import train

from .conftest import SMALL, contents, paint

forking = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


class KilledError(BaseException):
    """Raised where a process would have died; nothing in the package may catch it."""


@contextmanager
def failing(name: str, calls: range, error: BaseException) -> Iterator[None]:
    """Let these calls of ``os.NAME`` fail, counted from 0."""
    plain, count = getattr(os, name), iter(range(10**6))

    def call(*given: object) -> object:
        if next(count) in calls:
            raise error
        return plain(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, call)
        yield


def dying(after: int) -> AbstractContextManager[None]:
    """The process dies before it gives the file number ``after`` its name."""
    return failing("replace", range(after, after + 1), KilledError())


def full(after: int) -> AbstractContextManager[None]:
    """The disk is full from the file number ``after`` on; the flush of each file is followed by its folder's."""
    return failing("fsync", range(2 * after, 10**6), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def assert_whole(folder: Path) -> None:
    """Every file that lies there can be read, and no temporary one lies beside."""
    store = Store(folder)
    assert not [name for name in contents(folder) if name.endswith(".tmp")]
    for part in store.shards():
        if store.read_shard(part.index) is not None:
            ok_rows(store, part.index)
        for shelf in (folder / "products").glob("*/_recipe.json"):
            store.open_product_table(shelf.parent.name).read(part.index)


def pair(shards: Path, suite: Path, out: Path) -> Path:
    """The cheapest evidence that has several products, and a head on it."""
    return extract("item", data=f"folder:{shards}", out=out, suite=suite)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """34 pictures in two splits, which fill two shards."""
    root = tmp_path_factory.mktemp("shards")
    for number in range(34):
        split, maker = ("train", "validation")[number % 2], ("real", "fake/gradient")[number // 2 % 2]
        paint(root / split / maker / f"{number}.png", number, generated=maker != "real")
    return root


@pytest.fixture(scope="module")
def quiet(shards: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an undisturbed extraction stores."""
    return contents(pair(shards, suite, tmp_path_factory.mktemp("quiet") / "out"))


@pytest.mark.parametrize("after", range(12))
def test_an_extraction_that_dies_at_any_rename_goes_on_to_the_same_bytes(
    after: int, quiet: dict[str, bytes], shards: Path, suite: Path, tmp_path: Path
) -> None:
    # plan, samples 0, recipe and captions 0, recipe and pictures 0, recipe and texts 0, samples 1, three shelves, view
    with dying(after), pytest.raises(KilledError):
        pair(shards, suite, tmp_path / "out")
    assert_whole(tmp_path / "out")
    assert len(contents(tmp_path / "out")) == after + 1  # and the lock
    assert contents(pair(shards, suite, tmp_path / "out")) == quiet


@pytest.mark.parametrize("after", [0, 3, 7, 10])
def test_a_full_disk_is_an_error_that_leaves_the_store_whole(
    after: int, quiet: dict[str, bytes], shards: Path, suite: Path, tmp_path: Path
) -> None:
    words = r"/out/.+ cannot be written \(\[Errno 28\] No space left on device\).*make room"
    with full(after), pytest.raises(StoreError, match=words):
        pair(shards, suite, tmp_path / "out")
    assert_whole(tmp_path / "out")
    assert contents(pair(shards, suite, tmp_path / "out")) == quiet


def read_only(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Refuse every way to write below ``folder``, as a disk that is mounted read-only does; root heeds no modes."""

    def guarded(plain: Callable[..., object], writes: Callable[..., bool]) -> Callable[..., object]:
        def call(path: object, *given: object, **named: object) -> object:
            if str(path).startswith(str(folder)) and writes(*given):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return plain(path, *given, **named)

        return call

    monkeypatch.setattr(os, "open", guarded(os.open, lambda flags, *_: bool(flags & (os.O_CREAT | os.O_RDWR))))
    monkeypatch.setattr(Path, "open", guarded(Path.open, lambda mode="r", *_: "w" in mode))
    monkeypatch.setattr(Path, "unlink", guarded(Path.unlink, lambda *_: True))


def test_a_read_only_store_can_be_used_and_not_extended(
    quiet: dict[str, bytes], shards: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = pair(shards, suite, tmp_path / "out")
    read_only(monkeypatch, out)
    assert pair(shards, suite, out) == out
    train("item", evidence=out, out=tmp_path / "item.safetensors", suite=suite, options=SMALL, fpr=0.1, fnr=0.1)
    with pytest.raises(StoreError, match=r"/out/products/.+ cannot be written \(\[Errno 30\] Read-only file system"):
        extract("sare", data=f"folder:{shards}", out=out, suite=suite)
    with pytest.raises(StoreError, match=r"plan\.lock cannot be opened \(\[Errno 30\] Read-only .* you may write to"):
        extract("item", data=f"folder:{shards / 'train' / 'real'}", out=out / "new", suite=suite)
    monkeypatch.undo()
    assert contents(out) == quiet


def verb(words: Sequence[str]) -> None:
    app(list(words))


def at_once(*commands: Sequence[str]) -> None:
    """Run the verbs in processes of their own, all at the same time; each has to end well."""
    context = get_context("fork" if sys.platform == "linux" else "spawn")  # a fork has nothing to import
    with ExitStack() as stack:
        runs = [context.Process(target=verb, args=(words,)) for words in commands]
        for run in runs:
            run.start()
            stack.callback(run.kill)  # a failure leaves none behind
        for run in runs:
            run.join()
            assert run.exitcode == 0


@forking
def test_extractions_at_once_store_what_one_after_the_other_does(
    store: Path, pictures: Path, suite: Path, tmp_path: Path
) -> None:
    rest = ("--data", f"folder:{pictures}", "--out", str(tmp_path / "out"), "--suite", str(suite))
    at_once(*(("extract", method, *rest) for method in ("sare", "semgir", "panel")))
    assert contents(tmp_path / "out") == contents(store)


def fitted(method: str, store: Path, suite: Path, out: Path) -> Path:
    return train(
        method, evidence=store, out=out / f"{method}.safetensors", suite=suite, options=SMALL, fpr=0.1, fnr=0.1
    )


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_training_that_dies_at_any_rename_goes_on_to_the_same_head(
    after: int, heads: Path, store: Path, suite: Path, tmp_path: Path
) -> None:
    # the two epochs' states, then the head
    with dying(after), pytest.raises(KilledError):
        fitted("sare", store, suite, tmp_path)
    assert list(contents(tmp_path)) == ["sare.safetensors.partial"][: bool(after)]
    fitted("sare", store, suite, tmp_path)
    assert contents(tmp_path) == {"sare.safetensors": (heads / "sare.safetensors").read_bytes()}


def test_a_training_that_dies_before_it_tidied_up_goes_on_too(
    heads: Path, store: Path, suite: Path, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        plain = Path.unlink

        def unlink(path: Path, missing_ok: bool = False) -> None:
            if path.suffix == ".partial":
                raise KilledError
            plain(path, missing_ok)

        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(KilledError):
            fitted("item", store, suite, tmp_path)
    assert sorted(contents(tmp_path)) == ["item.safetensors", "item.safetensors.partial"]
    fitted("item", store, suite, tmp_path)
    assert contents(tmp_path) == {"item.safetensors": (heads / "item.safetensors").read_bytes()}


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_training_on_a_full_disk_keeps_the_last_whole_state(
    after: int, heads: Path, store: Path, suite: Path, tmp_path: Path
) -> None:
    words = r"sare\.safetensors(\.partial)? cannot be written \(\[Errno 28\] No space left on device\).*make room"
    with full(after), pytest.raises(CheckpointError, match=words):
        fitted("sare", store, suite, tmp_path)
    assert list(contents(tmp_path)) == ["sare.safetensors.partial"][: bool(after)]
    fitted("sare", store, suite, tmp_path)
    assert contents(tmp_path) == {"sare.safetensors": (heads / "sare.safetensors").read_bytes()}


def test_a_training_into_a_read_only_folder_is_an_error(
    store: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only(monkeypatch, tmp_path)
    with pytest.raises(CheckpointError, match=r"item\.safetensors\.partial cannot be written \(\[Errno 30\] Read-only"):
        fitted("item", store, suite, tmp_path)
    assert contents(tmp_path) == {}


@forking
def test_two_trainings_at_once_make_the_same_head(heads: Path, store: Path, suite: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "tidy.safetensors")
    words = ("train", "tidy", "--evidence", str(store), "--out", out, "--suite", str(suite), "--set", "epochs=2")
    at_once(*[(*words, "--fpr", "0.1", "--fnr", "0.1")] * 2)
    assert contents(tmp_path) == {"tidy.safetensors": (heads / "tidy.safetensors").read_bytes()}

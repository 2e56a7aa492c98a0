"""Training and evaluation from very much stored evidence: seconds, pictures a second, and whether memory stays flat.

    python benchmarks/long_run.py [--sare 1000 3000 10000] [--embeddings 300000] [--pictures 10 1000] [--folder DIR]

The evidence is made up, but of full size and stored as ``extract`` stores it: for SARE pictures and reconstructions of
512 x 512 pixels, for ITEM vectors of 768 numbers. The heads are those of a suite of small random models, so that what
is measured is the way of the evidence from the disk into a network: ``read`` goes through all of it once, ``train``
learns one epoch and ``evaluate`` measures the test split; ``disk`` reads the bytes of the same files and nothing more.
Each step runs in a process of its own.

``--pictures`` judges so many different pictures by TIDY of the suite ``miniature``, and extracts its evidence.

Prints a table. Exit code 1 when a step's memory passes 3 GB, or grows by more than half from the fewest rows to the
most. Linux alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from unprompt.evidence.alignment import AlignmentExtractor
from unprompt.evidence.base import Extractor
from unprompt.evidence.products import CAPTION_EMBEDDINGS, CAPTIONS, picture_embeddings, reconstructions
from unprompt.evidence.sare import SareExtractor
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.store import Shard, Store, caption_rows, embedding_rows, picture_rows, sample_rows
from unprompt.testing.fake_suite import save_fake_suite
from unprompt.types import Caption, Picture, Sample

SIDE, KINDS, WIDTH = 512, 64, 768
"""Pixels a side, different pictures, and numbers of a vector."""
LIMIT, GROWTH = 3000.0, 1.5


@dataclass(frozen=True)
class Cost:
    """What a step took."""

    wall: float
    processor: float
    memory: float
    """Greatest resident size in MB."""


def measured(work: Callable[[], object]) -> Cost:
    """Run ``work`` in a process of its own."""
    began = time.perf_counter()
    if not (process := os.fork()):
        code = 70
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"a step ended with status {status}")
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def suite_of(folder: Path, side: int, width: int) -> Path:
    """A suite of random models, with a diffusion that works at ``side`` and an encoder of ``width``."""
    path = save_fake_suite(folder, width=width)
    file = path / "suite.toml" if path.is_dir() else path
    file.write_text(file.read_text("utf-8").replace("side = 32", f"side = {side}"), "utf-8")
    return path


def index(folder: Path, rows: int) -> Iterator[Sample]:
    """Two classes and three splits; every file is one of ``KINDS`` under another name."""
    (folder / "pictures").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for kind in range(KINDS):
        small = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        smooth = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(int)
        rgb = np.clip(smooth + rng.integers(-8, 9, smooth.shape), 0, 255).astype(np.uint8)
        (folder / "pictures" / f"kind-{kind}.png").write_bytes(encode_png(rgb))
    for number in range(rows):
        path = folder / "pictures" / f"{number:07}.png"
        os.link(folder / "pictures" / f"kind-{number % KINDS}.png", path)
        split = "validation" if number % 10 == 8 else "test" if number % 10 == 9 else "train"
        yield Sample(str(path), number // KINDS % 2, "made up", split)  # type: ignore[arg-type]


def fill_sare(store: Store, suite: Suite, samples: list[Sample]) -> None:
    """Captions and reconstructions: each picture is reconstructed by another."""
    pictures = [read(Path(one.uri), one.uri) for one in samples[:KINDS]]
    pngs = dict(zip((one.pixels for one in pictures), [encode_png(one.rgb) for one in pictures[::-1]], strict=True))
    extractor = SareExtractor()
    texts, drawn = (product.recipe(suite.of("sare")) for product in (CAPTIONS, reconstructions()))
    for shard in store.plan(samples):
        names = _sampled(store, shard, pictures)
        store.product_table(texts).write(shard.index, caption_rows(texts, names, [Caption("a ball")] * len(names)))
        store.product_table(drawn).write(shard.index, picture_rows(drawn, names, [pngs[one] for one in names]))
    store.write_view(extractor.view(suite))


def fill_item(store: Store, suite: Suite, samples: list[Sample]) -> None:
    """Vectors of pictures and captions, each row's own."""
    pictures = [read(Path(one.uri), one.uri) for one in samples[:KINDS]]
    extractor, rng = AlignmentExtractor("item"), np.random.default_rng(0)
    texts, seen, told = (
        product.recipe(suite.of("item")) for product in (CAPTIONS, picture_embeddings(), CAPTION_EMBEDDINGS)
    )
    for shard in store.plan(samples):
        names = _sampled(store, shard, pictures)
        store.product_table(texts).write(shard.index, caption_rows(texts, names, [Caption("a ball")] * len(names)))
        for recipe in (seen, told):
            vectors = rng.normal(size=(len(names), WIDTH)).astype(np.float32)
            store.product_table(recipe).write(shard.index, embedding_rows(recipe, names, vectors))
    store.write_view(extractor.view(suite))


def _sampled(store: Store, shard: Shard, kinds: list[Picture]) -> list[str]:
    """Write the sample rows of a shard; the hashes of its pictures."""
    by_kind = [kinds[int(Path(one.uri).stem) % KINDS] for one in shard.samples]
    store.write_samples(shard.index, sample_rows(shard, by_kind))
    return [one.pixels for one in by_kind]


def read_all(store: Store, suite: Suite, extractor: Extractor[object]) -> None:
    """Every evidence once."""
    from unprompt.evidence.base import rows_by_shard
    from unprompt.evidence.sequence import ShardPart, StoredEvidence

    view = store.read_view(extractor.method)
    parts = [ShardPart(store, view, shard, tuple(row["uri"] for row in rows)) for shard, rows in rows_by_shard(store)]
    for _ in StoredEvidence(extractor, suite, parts):
        pass


def read_disk(store: Store) -> None:
    """The bytes of all products."""
    for path in store.root.glob("products/*/*.parquet"):
        with path.open("rb") as file:
            while file.read(2**22):
                pass


def steps(method: str, store: Store, suite: Path, head: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    from unprompt.workflows.evaluate import evaluate
    from unprompt.workflows.train import train

    extractor = SareExtractor() if method == "sare" else AlignmentExtractor("item")
    options = {"epochs": 1, "batch": 512} | ({"scope": "global"} if method == "item" else {})
    return {
        "disk": lambda: read_disk(store),
        "read": lambda: read_all(store, Suite.load(suite), extractor),
        "train": lambda: train(method, evidence=str(store.root), out=head, suite=suite, options=options),
        "evaluate": lambda: evaluate(head, evidence=str(store.root), suite=suite, repeats=0),
    }


def draw(folder: Path, count: int) -> Path:
    """``count`` different pictures of 64 x 64, of two classes."""
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / "test" / ("real" if number % 2 else "fake")
        place.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        small.resize((64, 64), Image.Resampling.BICUBIC).save(place / f"{number:07}.png")
    return folder


def from_pictures(folder: Path, out: Path) -> dict[str, Callable[[], object]]:
    """What is measured of models, by name."""
    from unprompt.workflows.detect import detect
    from unprompt.workflows.extract import extract

    scope = {"scope": "global"}
    return {
        "detect": lambda: detect(folder, suite="miniature", method="tidy"),
        "extract": lambda: extract("tidy", data=f"folder:{folder}", out=out, suite="miniature", options=scope),
    }


def main() -> int:
    """Exit code 0 = memory is flat and below the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sare", type=int, nargs="*", default=[1000, 3000, 10_000])
    parser.add_argument("--embeddings", type=int, nargs="*", default=[300_000])
    parser.add_argument("--pictures", type=int, nargs="*", default=[10, 1000])
    parser.add_argument("--folder", type=Path, help="empty, kept afterwards; default: a temporary one")
    chosen = parser.parse_args()
    costs: dict[tuple[str, str], list[Cost]] = {}

    def run(method: str, rows: int, every: dict[str, Callable[[], object]]) -> None:
        for name, step in every.items():
            cost = measured(step)
            costs.setdefault((method, name), []).append(cost)
            print(
                f"| {method} | {rows:,} | {name} | {cost.wall:.1f} | {cost.processor:.1f} | {rows / cost.wall:.0f} "
                f"| {cost.memory:.0f} MB |",
                flush=True,
            )

    print(
        "| method | rows | step | seconds | processor seconds | pictures a second | peak memory |\n"
        + "| --- " * 7
        + "|"
    )
    if chosen.folder:
        os.makedirs(chosen.folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as temporary:
        for count in chosen.pictures:
            folder = Path(temporary) / f"pictures-{count}"
            run("tidy", count, from_pictures(draw(folder / "data", count), folder / "evidence"))
        for method, rows in [*(("sare", one) for one in chosen.sare), *(("item", one) for one in chosen.embeddings)]:
            folder = Path(temporary) / f"{method}-{rows}"
            suite = suite_of(folder / "suite", SIDE, WIDTH)
            store, fill = Store(folder / "evidence"), fill_sare if method == "sare" else fill_item
            fill(store, Suite.load(suite), list(index(folder, rows)))
            run(method, rows, steps(method, store, suite, folder / "head.safetensors"))
    small = all(one.memory < LIMIT for found in costs.values() for one in found)
    flat = all(found[-1].memory < GROWTH * found[0].memory for found in costs.values())
    return 0 if small and flat else 1


if __name__ == "__main__":
    sys.exit(main())

"""How the evidence store bears many rows: seconds and memory of what every second run of ``extract`` begins with.

    python benchmarks/store_rows.py [--rows 100000 1000000] [--folder DIR]

For each number of rows a store is filled with a plan, sample rows and two product tables that lack every hundredth
shard; then each step runs in a process of its own. ``plan`` is the first planning; ``again`` compares every sample
with the plan and looks for its file (there is none, so that the disk's speed stays out); ``missing`` lists the shards
that are not whole; ``ls`` is the verb, which opens the footer of every file of a product table; ``samples`` reads
every sample row, as ``train`` does. The samples are handed over one by one: a list of them would be the caller's,
some 0.2 KB each.

Prints a table. Exit code 1 when listing what is missing (``again`` and ``missing``) takes over a minute of processor
time, or its memory grows by more than half from the fewest rows to the most. Linux alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from unprompt.store import (
    Contents,
    EvidenceView,
    ProductRecipe,
    Shard,
    Store,
    caption_rows,
    embedding_rows,
    sample_rows,
)
from unprompt.store.plan import shard_file
from unprompt.store.schema import SAMPLES
from unprompt.types import Caption, Picture, Sample

RECIPES = (ProductRecipe("caption", 1), ProductRecipe("embedding", 1))
ABSENT = 100
"""Every shard with a number that this divides lacks its products."""
MINUTE, GROWTH = 60.0, 1.5


@dataclass(frozen=True)
class Index(Collection[Sample]):
    """Samples that are made when they are asked for."""

    rows: int

    def __len__(self) -> int:
        return self.rows

    def __contains__(self, sample: object) -> bool:
        return sample in list(self)

    def __iter__(self) -> Iterator[Sample]:
        for number in range(self.rows):
            yield Sample(f"/data/genimage/stable_diffusion_v_1_4/train/ai/{number:09}_sdv4.png", 1, "sd14", "train")


@dataclass(frozen=True)
class Cost:
    """What a process took, and the line that it printed."""

    wall: float
    processor: float
    memory: float
    """Greatest resident size in MB."""
    printed: str


def measured(work: Callable[[], object]) -> Cost:
    """Run ``work`` in a process of its own."""
    reading, writing = os.pipe()
    began = time.perf_counter()
    if not (process := os.fork()):
        code = 70
        try:
            os.write(writing, str(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        printed = file.read().decode()
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"a step ended with status {status}")
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed)


def fill(store: Store) -> str:
    """Sample rows of every shard, and products of nearly all; a table's files are one file under many names."""
    samples = Path(str(store.root), "samples")
    samples.mkdir()
    for shard in store.shards():
        table = sample_rows(shard, pictures(shard))
        pq.write_table(table.cast(SAMPLES), samples / shard_file(shard.index), write_page_checksum=True)
    names = [f"{number:064x}" for number in range(32)]
    captions, vectors = [Caption("a ball")] * 32, np.zeros((32, 64), np.float32)
    tables = [store.product_table(recipe) for recipe in RECIPES]
    tables[0].write(1, caption_rows(RECIPES[0], names, captions))
    tables[1].write(1, embedding_rows(RECIPES[1], names, vectors))
    for one in tables:
        for number in store.shards().numbers:
            if number % ABSENT and number != 1:
                os.link(str(one.folder / shard_file(1)), str(one.folder / shard_file(number)))
    roles = {recipe.kind: recipe.name for recipe in RECIPES}
    store.write_view(EvidenceView("tidy", 1, {}, "none", roles))
    return f"{len(store.shards())} shards"


def pictures(shard: Shard) -> list[Picture]:
    """A picture of one pixel for each row of a shard."""
    rgb = np.zeros((1, 1, 3), np.uint8)
    names = (f"{shard.index * 32 + place:064x}" for place in range(len(shard.rows)))
    return [
        Picture(row.sample.uri, rgb, name, name, 512, 512, "PNG", None)
        for row, name in zip(shard.rows, names, strict=True)
    ]


def steps(store: Store, rows: int) -> dict[str, Callable[[], object]]:
    """What is measured, by name, and between the first planning and the others what fills the store."""
    names = [recipe.name for recipe in RECIPES]

    def plan() -> str:
        return f"{len(store.plan(Index(rows)))} shards"

    return {
        "plan": plan,
        "filled": lambda: fill(store),
        "again": plan,
        "missing": lambda: f"{len(store.missing(store.shards().numbers, names))} shards",
        "ls": lambda: f"{Contents.of(store).products[0].missing} shards",
        "samples": lambda: f"{sum(table.num_rows for _, table in store.current())} rows",
    }


def table(costs: dict[str, list[Cost]], rows: list[int]) -> None:
    """One row a step, with its growth from the fewest rows to the most."""
    head = [f"{count:,} rows" for count in rows]
    print(f"| step | {' | '.join(head)} | growth of time | of memory |\n| --- {'| --- ' * (len(rows) + 2)}|")
    for name, found in costs.items():
        cells = [
            f"{one.processor:.1f} s ({one.wall:.1f} s passed), {one.memory:.0f} MB, {one.printed}" for one in found
        ]
        time_, memory = (getattr(found[-1], of) / getattr(found[0], of) for of in ("processor", "memory"))
        print(f"| {name} | {' | '.join(cells)} | {time_:.1f} | {memory:.2f} |", flush=True)


def main() -> int:
    """Exit code 0 = listing what is missing is quick and its memory flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="empty, kept afterwards; default: a temporary one")
    chosen = parser.parse_args()
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for rows in chosen.rows:
            store = Store((chosen.folder or Path(temporary)) / str(rows))
            for name, step in steps(store, rows).items():
                cost = measured(step)
                if name != "filled":
                    costs.setdefault(name, []).append(cost)
                print(f"{rows} {name}: {cost}", file=sys.stderr, flush=True)
    table(costs, chosen.rows)
    listing = [costs[name] for name in ("again", "missing")]
    quick = sum(found[-1].processor for found in listing) < MINUTE
    flat = all(found[-1].memory < GROWTH * found[0].memory for found in listing)
    return 0 if quick and flat else 1


if __name__ == "__main__":
    sys.exit(main())

"""The folders of a store are read by others as they are, without a word of unprompt."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from PIL import Image

from unprompt.images import encode_png, hash_pixels, read
from unprompt.store import (
    ProductRecipe,
    Store,
    box_rows,
    caption_rows,
    embedding_rows,
    embeddings_rows,
    picture_rows,
    sample_rows,
)
from unprompt.types import Box, Caption, Sample

COUNT = 40
KINDS: dict[str, Callable[[ProductRecipe, list[str]], pa.Table]] = {
    "caption": lambda recipe, names: caption_rows(recipe, names, [Caption(f"of {name[:8]}") for name in names]),
    "embedding": lambda recipe, names: embedding_rows(recipe, names, np.ones((len(names), 3), np.float32)),
    "embeddings": lambda recipe, names: embeddings_rows(recipe, names, [np.ones((2, 3), np.float32) for _ in names]),
    "boxes": lambda recipe, names: box_rows(recipe, names, [(Box("ball", 0, 0, 0.5, 1, 0.75),) for _ in names]),
    "picture": lambda recipe, names: picture_rows(recipe, names, [encode_png(painted(3)) for _ in names]),
}


def painted(seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two parts of pictures with a product of each kind."""
    folder = tmp_path_factory.mktemp("readers")
    samples = [Sample(str(folder / f"{number:02}.png"), number % 2, "sd15", "train") for number in range(COUNT)]  # type: ignore[arg-type]
    for number, sample in enumerate(samples):
        Path(sample.uri).write_bytes(encode_png(painted(number)))
    store = Store(folder / "out")
    for part in store.plan(samples):
        pictures = [read(Path(sample.uri), sample.uri) for sample in part.samples]
        store.write_samples(part.index, sample_rows(part, pictures))
        for kind, rows in KINDS.items():
            recipe = ProductRecipe(kind, 1)
            store.product_table(recipe).write(part.index, rows(recipe, [picture.pixels for picture in pictures]))
    return store


@pytest.fixture(params=["samples", *KINDS])
def folder(store: Store, request: pytest.FixtureRequest) -> Path:
    """A folder of the store with Parquet files in it."""
    name: str = request.param
    return store.root / (name if name == "samples" else f"products/{ProductRecipe(name, 1).name}")


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """What a reader has to find, by pyarrow, file by file."""
    return [row for path in sorted(folder.glob("*.parquet")) for row in pa.parquet.read_table(path).to_pylist()]


def test_pyarrow_reads_the_folder(folder: Path) -> None:
    found = pyarrow.dataset.dataset(folder, format="parquet").to_table()
    assert found.to_pylist() == rows_of(folder)
    assert len(found) == COUNT


def test_pandas_reads_the_folder_and_joins_by_pixels(folder: Path, store: Store) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed here: pip install pandas to run this test")
    frame = pandas.read_parquet(folder)
    assert list(frame.columns) == list(rows_of(folder)[0])
    assert frame["pixels"].tolist() == [row["pixels"] for row in rows_of(folder)]
    joined = pandas.read_parquet(store.root / "samples", columns=["pixels", "label"]).merge(frame, on="pixels")
    assert len(joined) == COUNT


def test_duckdb_reads_the_files(folder: Path, store: Store) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed here: pip install duckdb to run this test")
    names = duckdb.sql(f"select pixels from '{folder}/*.parquet' order by pixels").fetchall()
    assert [name for (name,) in names] == sorted(row["pixels"] for row in rows_of(folder))
    counted = duckdb.sql(
        f"select s.label, count(*) from '{store.root}/samples/*.parquet' s join '{folder}/*.parquet' p using (pixels) "
        "group by 1 order by 1"
    )
    assert counted.fetchall() == [(0, COUNT // 2), (1, COUNT // 2)]


def test_datasets_reads_the_files(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip(
        "datasets", reason="datasets is not installed here: pip install datasets to run this test"
    )
    files = {"train": f"{folder}/*.parquet"}
    found = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert list(found) == rows_of(folder)


def test_a_stored_picture_is_lossless_and_any_decoder_reads_it(store: Store) -> None:
    table = pyarrow.dataset.dataset(store.root / "products" / ProductRecipe("picture", 1).name).to_table()
    for png in table["png"].to_pylist():
        assert hash_pixels(np.asarray(Image.open(BytesIO(png)))) == hash_pixels(painted(3))

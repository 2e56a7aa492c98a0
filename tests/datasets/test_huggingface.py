"""Arrow files as the ``datasets`` library saves them, written here byte for byte in its layout."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from unprompt.datasets import load
from unprompt.errors import DataError, UnreadablePicture
from unprompt.images import ByteRange, hash_pixels, read
from unprompt.store import Store

from .conftest import picture

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CLASSES = {"_type": "ClassLabel", "names": ["fake", "real"]}


def save(folder: Path, rows: list[dict], features: dict, batch: int = 2, compression: str | None = None) -> Path:
    """What ``Dataset.save_to_disk`` leaves: one Arrow stream in batches, state.json and dataset_info.json."""
    folder.mkdir(parents=True)
    kinds = {"Image": IMAGE, "ClassLabel": pa.int64()}
    fields = [(name, kinds.get(told["_type"], pa.string())) for name, told in features.items()]
    told = json.dumps({"info": {"features": features}}).encode()
    schema = pa.schema(fields, {b"huggingface": told})
    path = folder / "data-00000-of-00001.arrow"
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema, options=options) as stream:
        for start in range(0, len(rows), batch):
            stream.write_batch(pa.RecordBatch.from_pylist(rows[start : start + batch], schema))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": path.name}]}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def row(name: str, label: int | None, **more: str) -> dict:
    return {"image": {"bytes": picture(name), "path": name}, "label": label, **more}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    features = {
        "image": {"_type": "Image"},
        "label": CLASSES,
        "model": {"_type": "Value"},
        "prompt": {"_type": "Value"},
    }
    rows = [
        row("a.png", 0, model="sd15", prompt="a cat"),
        row("b.jpg", 1),
        row("c.png", 0, model="flux"),
        row("d", None),
    ]
    return save(tmp_path / "set", rows, features)


def test_pictures_inside_an_arrow_file_are_read_where_they_lie(saved: Path) -> None:
    samples = load(f"huggingface:{saved}")
    assert [(one.label, one.generator, one.prompt) for one in samples] == [
        (1, "sd15", "a cat"),
        (0, "", ""),
        (1, "flux", ""),
        (None, "", ""),
    ]
    whole = (saved / "data-00000-of-00001.arrow").read_bytes()
    for sample, name in zip(samples, ("a.png", "b.jpg", "c.png", "d"), strict=True):
        part = ByteRange.of(sample.uri)
        assert part is not None
        assert whole[part.offset : part.offset + part.length] == picture(name)
        expected = np.asarray(Image.open(io.BytesIO(picture(name))).convert("RGB"))
        assert read(Path(sample.uri), sample.uri).pixels == hash_pixels(expected)


def test_a_store_plans_them_and_sees_a_changed_file(saved: Path, tmp_path: Path) -> None:
    samples = load(f"huggingface:{saved}")
    store = Store(tmp_path / "store")
    rows = [one for part in store.plan(samples) for one in part.rows]
    assert [one.sample for one in rows] == samples
    assert {one.bytes for one in rows} == {(saved / "data-00000-of-00001.arrow").stat().st_size}
    assert len(store.plan(samples)) == 1
    (saved / "data-00000-of-00001.arrow").write_bytes(b"shorter")
    assert [part.index for part in store.plan(samples)] == [1]


def test_a_dict_of_splits(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "label": CLASSES}
    for split in ("train", "validation", "test"):
        save(tmp_path / "all" / split, [row(f"{split}.png", 0)], features)
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train", "validation", "test"]}')
    assert [one.split for one in load(f"huggingface:{tmp_path}/all")] == ["test", "train", "validation"]
    assert [one.split for one in load(f"huggingface:{tmp_path}/all/test")] == ["test"]


def test_columns_split_and_words_for_labels(tmp_path: Path) -> None:
    told = {"_type": "Value"}
    features = {"image": {"_type": "Image"}, "labels": told, "source": told, "class": told, "split": told}
    cells = {"image": {"bytes": picture("a"), "path": None}, "labels": "AI-generated", "split": "val"}
    save(tmp_path / "set", [{**cells, "source": "sdxl", "class": "dog"}], features)
    (one,) = load(f"huggingface:{tmp_path}/set")
    assert (one.label, one.generator, one.split, one.content) == (1, "sdxl", "validation", "dog")


def test_pictures_beside_and_empty_cells(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "label": CLASSES}
    rows = [
        {"image": {"bytes": None, "path": "pictures/a.png"}, "label": 1},
        {"image": {"bytes": None, "path": None}, "label": 0},
        {"image": {"bytes": b"", "path": "b.png"}, "label": 0},
        row("c.png", 0),
    ]
    folder = save(tmp_path / "set", rows, features, batch=10)
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.png").write_bytes(picture("a.png"))
    found = load(f"huggingface:{folder}")
    assert found[0].uri == f"{folder}/pictures/a.png"
    assert read(Path(found[0].uri), "a").format == read(Path(found[3].uri), "c").format == "PNG"
    for sample, words in ((found[1], "#row=2: cannot be opened"), (found[2], "an empty file of 0 bytes")):
        with pytest.raises(UnreadablePicture, match=words):
            read(Path(sample.uri), sample.uri)


def test_a_wrong_folder_says_where_what_and_what_else(tmp_path: Path) -> None:
    (tmp_path / "set" / "data").mkdir(parents=True)
    (tmp_path / "set" / "data" / "train.parquet").write_bytes(b"")
    words = f"huggingface: looked in '{tmp_path}/set'; found data; expected the folder of `Dataset.save_to_disk`"
    with pytest.raises(DataError, match=re.escape(words)):
        load(f"huggingface:{tmp_path}/set")
    with pytest.raises(DataError, match=r"looked in '.*/none'; found no such folder; expected"):
        load(f"huggingface:{tmp_path}/none")


def test_no_column_of_images(tmp_path: Path) -> None:
    save(tmp_path / "set", [{"text": "a"}], {"text": {"_type": "Value"}})
    with pytest.raises(DataError, match=r"\.arrow: found the columns text, none of images; expected the folder of"):
        load(f"huggingface:{tmp_path}/set")


def test_a_label_that_is_neither(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    save(tmp_path / "set", [row("a", 1)], features)
    with pytest.raises(DataError, match=r"\.arrow: row 1: got label 'dog'; expected 1 \(generated\), 0 \(real\)"):
        load(f"huggingface:{tmp_path}/set")


@pytest.mark.parametrize("data", [b"", b"ARROW1\0\0no stream", b"\xff" * 200])
def test_a_damaged_arrow_file_is_named(saved: Path, data: bytes) -> None:
    (saved / "data-00000-of-00001.arrow").write_bytes(data)
    with pytest.raises(DataError, match=r"00001\.arrow: cannot be read as an Arrow stream \(.*\); expected the folder"):
        load(f"huggingface:{saved}")


def test_a_selection_of_rows_and_compression_are_told(saved: Path, tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "label": CLASSES}
    save(tmp_path / "small", [row("a.png", 0)] * 50, features, batch=50, compression="zstd")
    with pytest.raises(DataError, match="Arrow buffers are compressed; expected them plain"):
        load(f"huggingface:{tmp_path}/small")
    state = {"_data_files": [{"filename": "x.arrow"}], "_indices_data_files": [{"filename": "indices.arrow"}]}
    (saved / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match=r"saved with a selection of rows.*flatten_indices\(\)"):
        load(f"huggingface:{saved}")

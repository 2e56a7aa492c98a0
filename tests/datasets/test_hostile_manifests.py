"""Manifests and Arrow files that nobody vouches for: samples, or one DataError, within limits."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unprompt.datasets import load, load_manifest, rows
from unprompt.errors import DataError

from ..hostile import VALUES, damaged
from .test_huggingface import CLASSES, row, save

ROWS = [{"path": f"{number}.png", "label": number % 2, "generator": "sd15", "split": "train"} for number in range(4)]
NAMES = st.sampled_from(
    ["path", "label", "generator", "source", "split", "prompt", "content", " Path ", "LABEL", "note"]
)
FILES = st.lists(st.dictionaries(st.just("filename"), VALUES))
SHARED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


FORMS: dict[str, bytes] = {
    "m.csv": b"path,label,generator\n" + b"".join(b'"%d.png",1,"a b"\n' % number for number in range(4)),
    "m.json": json.dumps(ROWS).encode(),
    "m.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "m.parquet": parquet(pa.Table.from_pylist(ROWS)),
}


def refused(path: Path, words: str) -> None:
    with pytest.raises(DataError, match=rf"^{re.escape(str(path))}: .*{words}"):
        load_manifest(str(path))


@pytest.mark.parametrize("name", FORMS)
@SHARED
@given(data=st.data())
def test_damaged_manifests(tmp_path: Path, name: str, data: st.DataObject) -> None:
    (tmp_path / name).write_bytes(data.draw(damaged(FORMS[name])))
    with suppress(DataError):
        load_manifest(str(tmp_path / name))


@SHARED
@given(value=VALUES | st.lists(st.dictionaries(NAMES, VALUES, min_size=2), min_size=1, max_size=3))
def test_any_json_as_a_manifest(tmp_path: Path, value: object) -> None:
    (tmp_path / "m.json").write_text(json.dumps(value))
    with suppress(DataError):
        load_manifest(str(tmp_path / "m.json"))


@SHARED
@given(text=st.text(alphabet='pathlbe,"\n\r\0;\t1\ufeff', max_size=60))
def test_any_text_as_csv(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_bytes(("path,label\n" + text).encode())
    with suppress(DataError):
        load_manifest(str(tmp_path / "m.csv"))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (3, "row 1: got the number 3 as path; expected that of a picture, as text"),
        ({"a": 1}, "row 1: got a dict as path; expected a text or a number"),
        (["a"], "row 1: got a list as path; expected a text or a number"),
        (None, "row 1: got an empty path"),
        ("x" * 200_000, "row 1: path has 200,000 characters; expected 131,072 at most"),
        ("\ud800", "surrogates not allowed"),
    ],
)
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_a_path_is_a_text(tmp_path: Path, suffix: str, cell: object, words: str) -> None:
    one = {"path": cell, "label": 1}
    (tmp_path / f"m.{suffix}").write_text(json.dumps([one] if suffix == "json" else one))
    refused(tmp_path / f"m.{suffix}", words)


@pytest.mark.parametrize("name", ["m.csv", "m.json", "m.jsonl", "m.parquet"])
def test_a_path_with_a_nul_is_left_to_the_reader(tmp_path: Path, name: str) -> None:
    one = {"path": "a\0.png", "label": 1}
    data = {"m.csv": b"path,label\na\0.png,1\n", "m.parquet": parquet(pa.Table.from_pylist([one]))}
    text = json.dumps([one] if name == "m.json" else one).encode()
    (tmp_path / name).write_bytes(data.get(name, text))
    assert [one.uri for one in load_manifest(str(tmp_path / name))] == [f"{tmp_path}/a\0.png"]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("m.csv", b"path,label,path\na,1,b\n", r"two columns are called 'path' \('path' and 'path'\); expected one"),
        ("m.csv", b"path,label, Path\na,1,b\n", r"two columns are called 'path' \('path' and ' Path'\)"),
        ("m.json", b'[{"path": "a", "PATH": "b", "label": 1}]', r"are called 'path' \('path' and 'PATH'\)"),
        ("m.json", b'[{"path": "a", "path": "b", "label": 1}]', "an object names 'path' twice"),
        ("m.json", b"[" * 100_000, "nested more than 64 deep"),
        ("m.jsonl", b'{"a":' * 100_000, "nested more than 64 deep"),
        ("m.csv", "path,label\na,1\n".encode("utf-16"), "it is UTF-16 text; expected UTF-8: save it so"),
        ("m.json", '[{"path": "a"}]'.encode("utf-16"), "it is UTF-16 text; expected UTF-8"),
        ("m.csv", b'path,label\n"a"b,1\n', "',' expected after '\"'"),
        ("m.csv", b'path,label\n"' + b"a," * 200_000, "field larger than field limit"),
        ("m.csv", b"path,label\n" + b"a" * 2_000_000, "line 2 is longer than 1,048,576 characters"),
        ("m.csv", b"a.png,1\nb.png,0\n", "row 1: no column 'path' among a.png, 1; expected path,label"),
        ("m.json", b'[{"path": "a", "label": ' + b"1" * 5000 + b"}]", "Exceeds the limit"),
    ],
)
def test_a_hostile_text_is_named(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    refused(tmp_path / name, words)


def test_columns_that_no_manifest_has_may_repeat(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label,,\na,1,,\n")
    assert len(load_manifest(str(tmp_path / "m.csv"))) == 1


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"path": [["a"]], "label": [1]}, r"column 'path' holds list<.*>; expected texts or numbers"),
        ({"path": ["a"], "label": [{"x": 1}]}, r"column 'label' holds struct<x: int64>"),
        ({"path": [b"a"], "label": [1]}, "column 'path' holds binary"),
        ({"path": [7], "label": [1]}, "row 1: got the number 7 as path"),
        ({"path": ["a"], "label": [1], "Path": ["b"]}, "two columns are called 'path'"),
        ({"path": ["x" * 200_000], "label": [1]}, "a cell of column 'path' has 200,000 bytes; expected 131,072"),
    ],
)
def test_odd_columns_of_parquet(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    (tmp_path / "m.parquet").write_bytes(parquet(pa.table(columns)))
    refused(tmp_path / "m.parquet", words)


def test_columns_of_parquet_that_are_not_asked_for_are_not_read(tmp_path: Path) -> None:
    table = pa.table({"path": ["a"], "label": ["fake"], "vector": [[1.0, 2.0]], "at": [{"x": 1}]})
    (tmp_path / "m.parquet").write_bytes(parquet(table))
    assert [one.label for one in load_manifest(str(tmp_path / "m.parquet"))] == [1]


def test_a_small_file_with_many_rows_is_refused_by_its_footer(tmp_path: Path) -> None:
    path = pa.DictionaryArray.from_arrays(pa.array([0] * 300_000, pa.int8()), pa.array(["x" * 10_000]))
    table = pa.table({"path": path, "label": pa.array([1] * 300_000, pa.int8())})
    (tmp_path / "m.parquet").write_bytes(parquet(table, compression="zstd"))
    assert (tmp_path / "m.parquet").stat().st_size < 3000
    refused(tmp_path / "m.parquet", "bytes claim 300,000 rows; expected a list of pictures")


@pytest.mark.parametrize("name", FORMS)
def test_more_rows_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name])
    monkeypatch.setattr(rows, "ROWS", 4)
    assert len(load_manifest(str(tmp_path / name))) == 4
    monkeypatch.setattr(rows, "ROWS", 3)
    refused(tmp_path / name, "4 rows; expected a list" if name == "m.parquet" else "more than 3 rows: split it")


@pytest.fixture
def arrow(tmp_path: Path) -> Path:
    features = {"image": {"_type": "Image"}, "label": CLASSES, "model": {"_type": "Value"}}
    return save(tmp_path / "set", [row("a.png", 0, model="sd15"), row("b.png", 1), row("c.png", None)], features)


@SHARED
@given(data=st.data())
def test_damaged_arrow_files(arrow: Path, data: st.DataObject) -> None:
    path = arrow / "data-00000-of-00001.arrow"
    whole = path.read_bytes()
    path.write_bytes(data.draw(damaged(whole)))
    with suppress(DataError):
        load(f"huggingface:{arrow}")
    path.write_bytes(whole)


@SHARED
@given(value=VALUES | st.fixed_dictionaries({"_data_files": VALUES | FILES}))
def test_any_state_of_a_data_set(arrow: Path, value: object) -> None:
    (arrow / "state.json").write_text(json.dumps(value))
    with suppress(DataError):
        load(f"huggingface:{arrow}")


@SHARED
@given(features=VALUES | st.fixed_dictionaries({"image": st.just({"_type": "Image"}), "label": VALUES}))
def test_any_features_of_a_data_set(arrow: Path, features: object) -> None:
    def told(schema: pa.Schema) -> pa.Schema:
        return schema.with_metadata({b"huggingface": json.dumps({"info": {"features": features}}).encode()})

    _again(arrow / "data-00000-of-00001.arrow", told)
    with suppress(DataError):
        load(f"huggingface:{arrow}")


def _again(path: Path, changed: Callable[[pa.Schema], pa.Schema]) -> None:
    with pa.ipc.open_stream(path.read_bytes()) as stream:
        table = stream.read_all()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, changed(table.schema)) as out:
        out.write_table(table.cast(changed(table.schema)))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ('{"_data_files": [{"filename": "../x.arrow"}]}', r"it names the file '\.\./x\.arrow'"),
        ('{"_data_files": [3]}', "TypeError"),
        ("[]", "got a list; expected an object"),
        ("[" * 100_000, "nested more than 64 deep"),
    ],
)
def test_a_hostile_state_is_named(arrow: Path, state: str, words: str) -> None:
    (arrow / "state.json").write_text(state)
    with pytest.raises(DataError, match=rf"state\.json: cannot be read \(.*{words}.*expected the names of the Arrow"):
        load(f"huggingface:{arrow}")


def test_rows_that_cost_no_byte_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = {"image": {"_type": "Image"}, "label": CLASSES}
    save(tmp_path / "set", [row("a.png", 0)] * 3, features)
    monkeypatch.setattr("unprompt.datasets.huggingface.ROWS", 2)
    with pytest.raises(DataError, match=r"00001\.arrow: cannot be read .*it has more than 2 rows: split it"):
        load(f"huggingface:{tmp_path}/set")


def test_a_column_of_images_that_is_none(tmp_path: Path) -> None:
    folder = save(tmp_path / "set", [{"image": "a"}], {"image": {"_type": "Value"}})
    features = {"info": {"features": {"image": {"_type": "Image"}}}}
    _again(
        folder / "data-00000-of-00001.arrow",
        lambda schema: schema.with_metadata({b"huggingface": json.dumps(features).encode()}),
    )
    with pytest.raises(DataError, match="the column 'image' is string; expected a struct of bytes and path"):
        load(f"huggingface:{folder}")

"""Lists of pictures in every form, and what is said of a wrong row."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unprompt.datasets import load_manifest
from unprompt.errors import DataError
from unprompt.types import Sample

SHARED = Path(__file__).parents[3] / "shared" / "data" / "manifest.csv"

ROWS = [
    {"path": "a.png", "label": 1, "generator": "sd15", "split": "train", "note": "x"},
    {"path": "sub/b.png", "label": 0, "generator": None, "split": "val", "note": "y"},
    {"path": "c.png", "label": None, "generator": "coco", "split": None, "note": None},
]


def write(path, rows):
    """``rows`` in the form that the suffix of ``path`` asks for; returns the path as text."""
    if path.suffix == ".csv":
        cells = [list(rows[0]), *(["" if value is None else value for value in row.values()] for row in rows)]
        path.write_text("".join(",".join(map(str, line)) + "\n" for line in cells))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix in (".jsonl", ".ndjson"):
        path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "ndjson", "parquet", "CSV"])
def test_every_form_tells_the_same(tmp_path, suffix):
    path = write(tmp_path / f"list.{suffix.lower()}", ROWS)
    if suffix == "CSV":
        path = str(Path(path).rename(tmp_path / "list.CSV"))
    assert load_manifest(path) == [
        Sample(str(tmp_path / "a.png"), 1, "sd15", "train"),
        Sample(str(tmp_path / "sub/b.png"), 0, "", "validation"),
        Sample(str(tmp_path / "c.png"), None, "coco", None),
    ]


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("0", 0),
        ("1", 1),
        ("1.0", 1),
        ("real", 0),
        ("Fake", 1),
        (" generated ", 1),
        ("AI", 1),
        ("0_real", 0),
        ("", None),
    ],
)
def test_spellings_of_labels(tmp_path, word, label):
    assert load_manifest(write(tmp_path / "m.csv", [{"path": "a.png", "label": word}]))[0].label == label


@pytest.mark.parametrize(("value", "label"), [(1, 1), (0.0, 0), (float("nan"), None), ("fake", 1)])
def test_labels_of_any_column_type(tmp_path, value, label):
    assert load_manifest(write(tmp_path / "m.parquet", [{"path": "a", "label": value}]))[0].label == label


def test_columns_in_any_case_and_order_with_source_as_generator(tmp_path):
    (tmp_path / "m.csv").write_bytes(
        b'\xef\xbb\xbfLabel, Source ,PATH\r\nreal,coco,"a, b.png"\r\n\r\n1,sd15, c.png\r\n'
    )
    assert load_manifest(str(tmp_path / "m.csv")) == [
        Sample(str(tmp_path / "a, b.png"), 0, "coco"),
        Sample(str(tmp_path / " c.png"), 1, "sd15"),
    ]


def test_paths_start_at_the_manifest_and_absolute_ones_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    write(tmp_path / "lists/m.csv", [{"path": "../a.png", "label": 1}, {"path": "/else/b.png", "label": 0}])
    assert [sample.uri for sample in load_manifest("lists/m.csv")] == ["lists/../a.png", "/else/b.png"]
    write(tmp_path / "m.csv", [{"path": "gone.png", "label": 1}])
    assert load_manifest("m.csv") == [Sample("gone.png", 1)]


def test_a_repeated_row_is_one_sample(tmp_path):
    assert len(load_manifest(write(tmp_path / "m.csv", [ROWS[0], ROWS[1], ROWS[0]]))) == 2


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"path": "a"}], "row 1: no column 'label' among path; expected path,label[,generator|source][,split]"),
        ([{"file": "a", "label": 1}], "row 1: no column 'path' among file, label; expected path,label"),
        (
            [ROWS[0], {**ROWS[1], "label": "maybe"}],
            "row 2: got label 'maybe'; expected 1 (generated), 0 (real), real, ",
        ),
        ([{"path": "a", "label": 2}], "row 1: got label '2'; expected 1 (generated), 0 (real)"),
        ([{"path": "a", "label": 1, "split": "dev"}], "row 1: got split 'dev'; expected one of train, training, val"),
        ([ROWS[0], {**ROWS[1], "path": ""}], "row 2: got an empty path; expected that of a picture"),
        ([*ROWS, {**ROWS[0], "label": 0}], "row 4: got Sample("),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_wrong_row_is_named(tmp_path, suffix, rows, words):
    path = write(tmp_path / f"m.{suffix}", rows)
    with pytest.raises(DataError, match=re.escape(f"{path}: {words}")):
        load_manifest(path)


def test_a_path_told_in_two_ways_names_both_rows(tmp_path):
    path = write(tmp_path / "m.csv", [*ROWS, {**ROWS[0], "label": 0}])
    with pytest.raises(DataError, match=r"row 4: got Sample\(.*label=0.*expected what row 1 tells of it: .*label=1"):
        load_manifest(path)


def test_a_column_missing_in_one_object_is_named(tmp_path):
    path = write(tmp_path / "m.json", [ROWS[0], {"path": "b"}])
    with pytest.raises(DataError, match=re.escape(f"{path}: row 2: no column 'label' among path; expected path,label")):
        load_manifest(path)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("m.csv", b"path,label\na.png\n", "row 1 has 1 cells and the header 2"),
        ("m.csv", b"path,label\na.png,1\nb, c.png,1\n", "row 2 has 3 cells and the header 2"),
        ("m.csv", b"path,label\n\xff\xfe,1\n", "can't decode byte 0xff"),
        ("m.csv", b'path,label\n"a.png,1\n', "unexpected end of data"),
        ("m.json", b"{", "Expecting property name"),
        ("m.json", b'{"a.png": 1}', "got a dict; expected a list of objects"),
        ("m.json", b'["a.png"]', "row 1 is a str; expected an object"),
        ("m.jsonl", b'{"path": "a", "label": 1}\n[1]\n', "row 2 is a list; expected an object"),
        ("m.parquet", b"PAR1", "Parquet"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path, name, data, words):
    path = tmp_path / name
    path.write_bytes(data)
    pattern = (
        rf"{re.escape(str(path))}: cannot be read as {path.suffix} \(.*{re.escape(words)}.*; expected columns path"
    )
    with pytest.raises(DataError, match=pattern):
        load_manifest(str(path))


@pytest.mark.parametrize(
    ("name", "data"), [("m.csv", b""), ("m.csv", b"path,label\n"), ("m.json", b"[]"), ("m.jsonl", b"")]
)
def test_a_manifest_without_rows_is_an_error(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(
        DataError, match=rf"{re.escape(name)}: holds no row; expected one a picture, with columns path,"
    ):
        load_manifest(str(tmp_path / name))


def test_a_missing_manifest_is_an_error(tmp_path):
    for path in (str(tmp_path / "none.csv"), str(tmp_path), ""):
        with pytest.raises(
            DataError, match=f"got '{path}' as manifest; expected a file that exists, with columns path,"
        ):
            load_manifest(path)


def test_another_suffix_is_an_error(tmp_path):
    (tmp_path / "m.xlsx").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"got manifest '.*m\.xlsx'; expected a name ending in \.csv, \.json, \.jsonl, "
    ):
        load_manifest(str(tmp_path / "m.xlsx"))


@pytest.mark.skipif(not SHARED.is_file(), reason="the shared photographs are not beside the repository")
def test_the_shared_photographs():
    samples = load_manifest(str(SHARED))
    assert [sum(sample.label == label for sample in samples) for label in (0, 1)] == [695, 508]
    assert {sample.split for sample in samples} == {"train", "validation"}
    assert len({sample.generator for sample in samples if sample.label == 1}) == 22
    assert all(Path(sample.uri).is_file() for sample in samples)


def test_prompt_and_content_are_kept_beside_the_identity(tmp_path):
    rows = [{"path": "a.png", "label": 1, "Prompt": " a cat ", "content": "photo"}, {"path": "b", "label": 0}]
    rows[1] |= {"Prompt": None, "content": None}
    first, second = load_manifest(write(tmp_path / "m.jsonl", rows))
    assert (first.prompt, first.content) == ("a cat", "photo")
    assert (second.prompt, second.content) == ("", "")
    assert first == Sample(str(tmp_path / "a.png"), 1)

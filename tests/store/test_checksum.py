"""No bit of a stored file flips unseen, wherever it lies; files without a checksum are told apart."""

import hashlib
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unprompt.errors import StoreError
from unprompt.store import schema
from unprompt.store.parquet import check_file, read_table, read_tables, write_table, write_tables

CAPTION = schema.PRODUCTS["caption"]


@pytest.fixture
def table():
    return pa.table(
        {"pixels": ["a", "b"], "fingerprint": ["1", "2"], "text": ["a ball", "a cube"], "fallback": [False, True]},
        CAPTION,
    )


@pytest.fixture
def path(tmp_path, table):
    write_table(tmp_path / "part-00000.parquet", table, CAPTION)
    return tmp_path / "part-00000.parquet"


def test_the_checksum_is_that_of_the_file_with_zeros_in_its_place(path):
    stated = pq.read_metadata(path).metadata[b"unprompt.sha256"]
    whole = path.read_bytes()
    assert whole.count(stated) == 1
    assert hashlib.sha256(whole.replace(stated, b"0" * 64)).hexdigest() == stated.decode()
    assert check_file(path)


def test_every_flipped_bit_of_the_file_is_found(path):
    whole = path.read_bytes()
    unseen, said = [], []
    for place in range(len(whole)):
        bit = 1 << place % 8
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        try:
            read_table(path, CAPTION)
            check_file(path)
            unseen.append(place)
        except StoreError as error:
            said.append(str(error))
    assert unseen == []
    assert len(said) == len(whole) > 2000
    assert all(str(path) in words for words in said)


def test_bytes_behind_the_rows_of_which_no_reader_knows_are_looked_at(path):
    whole = path.read_bytes()
    made_by = whole.index(b"parquet-cpp-arrow")
    path.write_bytes(whole[:made_by] + b"q" + whole[made_by + 1 :])
    assert read_table(path, CAPTION).num_rows == 2
    with pytest.raises(StoreError, match=rf"{re.escape(str(path))}: .*its checksum says [0-9a-f]{{12}}, its bytes "):
        check_file(path)


def test_a_checksum_that_was_cut_out_is_missed(path):
    path.write_bytes(path.read_bytes().replace(b"unprompt.sha256", b"unprompt.sha257"))
    assert read_table(path, CAPTION).num_rows == 2
    with pytest.raises(StoreError, match="its checksum is gone from the footer"):
        check_file(path)


def test_a_file_of_before_is_read_and_bears_none(path, table):
    former = CAPTION.with_metadata({key: word for key, word in CAPTION.metadata.items() if key != schema.HAS_CHECKSUM})
    pq.write_table(table.cast(former), path, write_page_checksum=True)
    assert read_table(path, CAPTION) == table
    assert not check_file(path)


def test_pieces_become_row_groups_and_are_read_some_at_a_time(path, table, monkeypatch):
    monkeypatch.setattr("unprompt.store.parquet.GROUP", 2)
    write_tables(path, iter([table, table.slice(1)]), CAPTION)
    assert check_file(path)
    assert [piece.num_rows for piece in read_tables(path, CAPTION)] == [2, 1]
    assert [piece["text"].to_pylist() for piece in read_tables(path, CAPTION, groups=lambda _: [1])] == [["a cube"]]
    assert list(read_tables(path, CAPTION, groups=lambda _: [])) == []
    assert list(read_tables(path.with_name("none"), CAPTION)) == []
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match="no sound Parquet file"):
        list(read_tables(path, CAPTION))

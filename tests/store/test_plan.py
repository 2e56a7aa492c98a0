"""Every sample once, parts of at most 32, and nothing moves that was planned."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unprompt.store import plan as planning
from unprompt.store.parquet import Groups
from unprompt.store.plan import (
    SHARD_SIZE,
    Planned,
    Shard,
    State,
    Survey,
    file_state,
    from_table,
    shard_file,
    survey,
    to_table,
)
from unprompt.store.plan_table import PlanTable
from unprompt.types import Sample

COUNTS = st.integers(0, 150)


def make(count: int, start: int = 0) -> list[Sample]:
    return [Sample(f"{number}.png", number % 2, "g", "train") for number in range(start, start + count)]


def still(uri: str) -> tuple[int, int]:
    return len(uri), 7


def surveyed(planned: list[Planned], samples: Iterable[Sample], state: Callable[[str], State] = file_state) -> Survey:
    def find(uris: Sequence[str]) -> dict[str, Planned]:
        return {row.sample.uri: row for row in planned if row.sample.uri in uris}

    return survey(find, 1 + max((row.shard for row in planned), default=-1), samples, state)


def extend(
    planned: list[Planned], samples: Iterable[Sample], state: Callable[[str], State] = file_state
) -> list[Planned]:
    return list(surveyed(planned, samples, state).rows())


class Held(PlanTable):
    """A plan whose file is a table in memory."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__(Path())
        object.__setattr__(self, "table", table)

    def _tables(self, groups: Groups | None = None) -> Iterator[pa.Table]:
        return iter([self.table] if len(self.table) else [])


def parts(planned: list[Planned], samples: list[Sample] | None = None) -> list[Shard]:
    plan_table = Held(to_table(planned))
    return list(
        plan_table.shards(plan_table.numbers() if samples is None else surveyed(planned, samples, still).shards)
    )


def plan(*batches: list[Sample]) -> list[Planned]:
    planned: list[Planned] = []
    for batch in batches:
        planned += extend(planned, batch, still)
    return planned


@settings(deadline=None, max_examples=30)
@given(COUNTS)
def test_every_sample_once_in_parts_of_32_at_most(count):
    made = parts(plan(make(count)))
    assert [sample for part in made for sample in part.samples] == make(count)
    assert [part.index for part in made] == list(range(-(-count // SHARD_SIZE)))
    assert all(len(part.rows) == SHARD_SIZE for part in made[:-1])
    assert all(1 <= len(part.rows) <= SHARD_SIZE for part in made[-1:])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 99), max_size=70), max_size=4))
def test_every_sample_once_whatever_was_asked_in_whichever_order(batches):
    planned = plan(*([Sample(f"{number}.png") for number in batch] for batch in batches))
    uris = [row.sample.uri for row in planned]
    assert sorted(uris) == sorted({f"{number}.png" for batch in batches for number in batch})
    assert all(len(part.rows) <= SHARD_SIZE for part in parts(planned))


@settings(deadline=None, max_examples=30)
@given(COUNTS, COUNTS)
def test_appended_samples_move_no_part(first, second):
    before, after = parts(plan(make(first))), parts(plan(make(first), make(first + second)))
    assert after[: len(before)] == before
    assert parts(plan(make(first), make(first + second)), make(first)) == before


@settings(deadline=None, max_examples=30)
@given(COUNTS, COUNTS, st.integers(1, 4))
def test_the_same_command_again_plans_nothing(first, second, times):
    once = plan(make(first), make(second, first))
    assert plan(make(first), make(second, first), *[make(first + second)] * times) == once


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 100), st.data())
def test_a_changed_file_is_planned_anew(count, data):
    changed = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    planned = plan(make(count))
    rows = extend(planned, make(count), lambda uri: (1, 8) if int(uri[:-4]) in changed else still(uri))
    assert [row.sample.uri for row in rows] == [f"{number}.png" for number in sorted(changed)]
    assert min(row.shard for row in rows) == 1 + max(row.shard for row in planned)
    # What was planned stays as it was, the outdated row included: a part never changes.
    assert parts(planned + rows)[: len(parts(planned))] == parts(planned)
    held = surveyed(planned, make(count), lambda uri: (1, 8) if int(uri[:-4]) in changed else still(uri)).shards
    assert max(held) == max(row.shard for row in rows)


def test_a_sample_told_anew_keeps_its_part_and_place():
    planned = plan(make(40))
    told = Sample("3.png", 0, "other", "test")
    rows = extend(planned, [told], still)
    assert rows == [Planned(told, 5, 7, 0)]
    samples = parts(planned + rows)[0].samples
    assert samples == (*make(3), told, *make(28, 4))
    assert extend(planned + rows, [told], still) == []


def test_a_sample_given_twice_is_one_and_the_last_word_counts():
    rows = extend([], [Sample("a.png", 0), Sample("a.png", 1)], still)
    assert [row.sample for row in rows] == [Sample("a.png", 1)]


def test_samples_are_compared_some_at_a_time_with_the_same_end(monkeypatch):
    given = [*make(20), Sample("3.png", 0, "told", "test"), *make(9, 15), Sample("21.png", 0)]
    whole = plan(make(12), given)
    monkeypatch.setattr(planning, "CHUNK", 4)
    assert plan(make(12), given) == whole
    assert extend(whole, [Sample("5.png", 0), *make(12)], still) == [Planned(make(12)[3], 5, 7, 0)]


@pytest.mark.parametrize("group", [1, 5, 64])
def test_a_ledger_read_in_pieces_is_the_same(tmp_path, monkeypatch, group):
    planned = plan(make(70), [Sample("3.png", 0, "told", "test"), Sample("69.png", 0, "last")], make(40, 60))
    planned += [Planned(Sample("40.png", 1), 9, 9, 4), Planned(Sample("3.png", 0, "again"), 5, 7, 0)]
    whole = parts(planned)
    monkeypatch.setattr("unprompt.store.parquet.GROUP", group)
    monkeypatch.setattr("unprompt.store.plan_table.GROUP", group)
    plan_table = PlanTable(tmp_path / "plan.parquet")
    for start in range(0, len(planned), 30):
        plan_table.append(planned[start : start + 30])
    assert list(plan_table.shards(plan_table.numbers())) == whole
    assert [row for row in whole[0].rows if row.sample.uri == "3.png"] == [planned[-1]]
    assert plan_table.latest(["3.png", "69.png", "40.png", "no.png"]) == {
        "3.png": planned[-1],
        "69.png": next(row for row in planned[::-1] if row.sample.uri == "69.png"),
        "40.png": planned[-2],
    }
    assert plan_table.repeated({0, 1, 2, 3, 4})["40.png"] == 4
    assert "40.png" not in plan_table.repeated({0, 1, 2, 3})


def test_a_missing_file_is_planned_and_planned_anew_when_it_appears(tmp_path):
    uri = str(tmp_path / "late.png")
    planned = extend([], [Sample(uri)])
    assert (planned[0].bytes, planned[0].mtime_ns) == (None, None)
    assert extend(planned, [Sample(uri)]) == []
    (tmp_path / "late.png").write_bytes(b"123")
    assert [(row.bytes, row.shard) for row in extend(planned, [Sample(uri)])] == [(3, 1)]


def test_a_name_that_no_file_system_takes_is_a_missing_file():
    assert file_state("a\0b.png") == (None, None)


def test_the_plan_survives_its_table():
    planned = [*plan(make(40)), Planned(Sample("gone.png"), None, None, 2)]
    assert from_table(to_table(planned)) == planned


def test_part_files_are_numbered():
    assert (shard_file(7), shard_file(123456)) == ("part-00007.parquet", "part-123456.parquet")

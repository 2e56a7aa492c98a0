"""Every sample once, parts of at most 32, and nothing moves that was planned."""

from hypothesis import given
from hypothesis import strategies as st

from unprompt.store.plan import PART, Planned, extend, from_table, look, part_file, parts, to_table
from unprompt.types import Sample

COUNTS = st.integers(0, 150)


def make(count: int, start: int = 0) -> list[Sample]:
    return [Sample(f"{number}.png", number % 2, "g", "train") for number in range(start, start + count)]


def still(uri: str) -> tuple[int, int]:
    return len(uri), 7


def plan(*batches: list[Sample]) -> list[Planned]:
    planned: list[Planned] = []
    for batch in batches:
        planned += extend(planned, batch, still)
    return planned


@given(COUNTS)
def test_every_sample_once_in_parts_of_32_at_most(count):
    made = parts(plan(make(count)))
    assert [sample for part in made for sample in part.samples] == make(count)
    assert [part.index for part in made] == list(range(-(-count // PART)))
    assert all(len(part.rows) == PART for part in made[:-1])
    assert all(1 <= len(part.rows) <= PART for part in made[-1:])


@given(st.lists(st.lists(st.integers(0, 99), max_size=70), max_size=4))
def test_every_sample_once_whatever_was_asked_in_whichever_order(batches):
    planned = plan(*([Sample(f"{number}.png") for number in batch] for batch in batches))
    uris = [row.sample.uri for row in planned]
    assert sorted(uris) == sorted({f"{number}.png" for batch in batches for number in batch})
    assert all(len(part.rows) <= PART for part in parts(planned))


@given(COUNTS, COUNTS)
def test_appended_samples_move_no_part(first, second):
    before, after = parts(plan(make(first))), parts(plan(make(first), make(first + second)))
    assert after[: len(before)] == before
    assert parts(plan(make(first), make(first + second)), make(first)) == before


@given(COUNTS, COUNTS, st.integers(1, 4))
def test_the_same_command_again_plans_nothing(first, second, times):
    once = plan(make(first), make(second, first))
    assert plan(make(first), make(second, first), *[make(first + second)] * times) == once


@given(st.integers(1, 100), st.data())
def test_a_changed_file_is_planned_anew(count, data):
    changed = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    planned = plan(make(count))
    rows = extend(planned, make(count), lambda uri: (1, 8) if int(uri[:-4]) in changed else still(uri))
    assert [row.sample.uri for row in rows] == [f"{number}.png" for number in sorted(changed)]
    assert min(row.part for row in rows) == 1 + max(row.part for row in planned)
    # What was planned stays as it was, the outdated row included: a part never changes.
    assert parts(planned + rows)[: len(parts(planned))] == parts(planned)
    assert max(part.index for part in parts(planned + rows, make(count))) == max(row.part for row in rows)


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


def test_a_missing_file_is_planned_and_planned_anew_when_it_appears(tmp_path):
    uri = str(tmp_path / "late.png")
    planned = extend([], [Sample(uri)])
    assert (planned[0].bytes, planned[0].mtime_ns) == (None, None)
    assert extend(planned, [Sample(uri)]) == []
    (tmp_path / "late.png").write_bytes(b"123")
    assert [(row.bytes, row.part) for row in extend(planned, [Sample(uri)])] == [(3, 1)]


def test_a_name_that_no_file_system_takes_is_a_missing_file():
    assert look("a\0b.png") == (None, None)


def test_the_plan_survives_its_table():
    planned = [*plan(make(40)), Planned(Sample("gone.png"), None, None, 2)]
    assert from_table(to_table(planned)) == planned


def test_part_files_are_numbered():
    assert (part_file(7), part_file(123456)) == ("part-00007.parquet", "part-123456.parquet")

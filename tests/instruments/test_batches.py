"""Batches of one shape: every item once, in company of its like alone, and never in a smaller batch."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from unprompt.instruments.batches import full_batches, slices

SIZES = st.integers(1, 9)


@given(st.integers(0, 40), SIZES)
def test_slices_are_all_items_in_order(count: int, size: int) -> None:
    made = list(slices(count, size))
    assert [place for places in made for place in places] == list(range(count))
    assert all(len(places) == size for places in made[:-1])
    assert all(0 < len(places) <= size for places in made)


@given(st.lists(st.tuples(st.sampled_from([32, 40]), st.booleans()), max_size=40), SIZES)
def test_full_batches_hold_one_bucket_and_have_one_size(buckets: list[tuple[int, bool]], size: int) -> None:
    made = list(full_batches(buckets, size))
    assert all(len(batch) == size for batch in made)
    assert all(len({buckets[place] for place in batch}) == 1 for batch in made)
    assert sorted({place for batch in made for place in batch}) == list(range(len(buckets)))
    assert len(made) == sum(-(-count // size) for count in Counter(buckets).values())


@given(st.lists(st.sampled_from("abc"), max_size=40), SIZES)
def test_only_the_last_of_a_bucket_is_repeated_at_the_end_of_its_batch(buckets: list[str], size: int) -> None:
    for batch in full_batches(buckets, size):
        own = list(dict.fromkeys(batch))
        assert list(batch) == own + own[-1:] * (size - len(own))
        assert own == sorted(own)


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_batches_of_one_are_the_items_themselves(buckets: list[str]) -> None:
    assert sorted(full_batches(buckets, 1)) == [[place] for place in range(len(buckets))]

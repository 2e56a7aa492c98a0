"""Batches of one shape: every item once, in company of its like alone, and never in a smaller batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unprompt.errors import OptionError
from unprompt.instruments.base import Captioner
from unprompt.instruments.batches import full_batches, slices
from unprompt.instruments.cards import Origin
from unprompt.types import RGB

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


class Small(Captioner):
    """Has memory for three pictures at a time, or for none."""

    room = 3

    def __init__(self, folder: Path) -> None:
        super().__init__(Origin(folder), "cpu", "float32")
        self.batch_size = 16
        self.asked: list[int] = []

    def _caption(self, pictures: Sequence[RGB]) -> list[str]:
        self.asked.append(len(pictures))
        if len(pictures) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return [str(int(one[0, 0, 0])) for one in pictures]


def test_where_the_memory_ends_batches_are_halved(fake: Path, caplog: pytest.LogCaptureFixture) -> None:
    small = Small(fake / "captioner")
    pictures = [np.full((2, 2, 3), number, np.uint8) for number in range(7)]
    assert [one.text for one in small.captions(pictures)] == [str(number) for number in range(7)]
    assert small.asked == [7, 7, 4, 2, 2, 2, 1]
    assert caplog.messages[-1].endswith("cpu has no memory for a batch; 2 at a time from now on")
    small.asked.clear()
    small.captions(pictures[:2])
    assert small.asked == [2]


def test_one_item_that_is_too_much(fake: Path) -> None:
    small = Small(fake / "captioner")
    small.room = 0
    with pytest.raises(OptionError, match=r"Small\(.*needs more memory for one item than cpu has \(CUDA out of memory"):
        small.captions([np.zeros((2, 2, 3), np.uint8)])
    assert small.batch_size == 1

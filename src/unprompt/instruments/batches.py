"""Which items go through a model together: their places in the list of all."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence


def batches_of(count: int, size: int, buckets: Sequence[Hashable] | None = None) -> Iterator[Sequence[int]]:
    """:func:`full_batches` of ``buckets`` where there are some, else :func:`slices`."""
    return slices(count, size) if buckets is None else full_batches(buckets, size)


def slices(count: int, size: int) -> Iterator[Sequence[int]]:
    """As they come, at most ``size`` at a time.

    >>> [list(places) for places in slices(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    return (range(start, min(start + size, count)) for start in range(0, count, size))


def full_batches(buckets: Sequence[Hashable], size: int) -> Iterator[Sequence[int]]:
    """Exactly ``size`` items of one bucket each: the last batch of a bucket is filled up with its last item.

    >>> list(full_batches(["wide", "tall", "wide", "wide"], 2))
    [[0, 2], [3, 3], [1, 1]]
    """
    alike: dict[Hashable, list[int]] = {}
    for place, bucket in enumerate(buckets):
        alike.setdefault(bucket, []).append(place)
    for places in alike.values():
        for part in slices(len(places), size):
            batch = [places[i] for i in part]
            yield batch + batch[-1:] * (size - len(batch))

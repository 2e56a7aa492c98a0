"""Copies are found, all of them, and by few comparisons."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from unprompt.auditing import Copies, copies, shared_prompts
from unprompt.auditing.copies import RADIUS, linked, near
from unprompt.images import distance


def brute(hashes) -> set[tuple[int, int]]:
    return {
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if (int(hashes[i]) ^ int(hashes[j])).bit_count() <= RADIUS
    }


@pytest.mark.parametrize("seed", range(5))
def test_near_pairs_are_those_of_all_against_all(seed) -> None:
    rng = np.random.default_rng(seed)
    seeds = rng.integers(2**63, size=20, dtype=np.uint64)
    flips = [sum(1 << int(bit) for bit in rng.choice(64, rng.integers(0, 8), False)) for _ in range(200)]
    hashes = np.unique(np.array([int(rng.choice(seeds)) ^ flip for flip in flips], np.uint64))
    first, second = near(hashes)
    found = list(zip(first.tolist(), second.tolist(), strict=True))
    assert set(found) == brute(hashes)
    assert len(found) == len(set(found)) > 20


def test_near_without_hashes() -> None:
    for count in (0, 1):
        first, second = near(np.zeros(count, np.uint64))
        assert len(first) == len(second) == 0


def test_of_a_hundred_thousand_hashes_few_pairs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.unique(np.random.default_rng(0).integers(2**64, size=100_000, dtype=np.uint64))
    planted = hashes[:100] ^ np.uint64(0b1011)
    compared: list[int] = []

    def counting(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        compared.append(len(one))
        return distance(one, other)

    monkeypatch.setattr(importlib.import_module("unprompt.auditing.copies"), "distance", counting)
    first, second = near(np.concatenate([hashes, planted]))
    # five bands of 12 bits or 13: at most 5 n^2 / 2 / 2^12 pairs, where all against all are n^2 / 2
    assert sum(compared) < 5 * 100_100**2 / 2 / 2**12
    assert len(compared) < 1000  # all of a step at once
    assert {(i, len(hashes) + i) for i in range(100)} <= set(zip(first.tolist(), second.tolist(), strict=True))


def test_groups_are_chains() -> None:
    pairs = np.array([0, 1, 5]), np.array([1, 2, 6])
    groups = linked(7, pairs).tolist()
    assert groups[0] == groups[1] == groups[2]
    assert groups[5] == groups[6]
    assert len(set(groups)) == 4


def uris(group: Copies) -> list[str]:
    return [one.uri for one in group.pictures]


def test_exact_and_similar_across_classes_and_splits(item) -> None:
    items = [
        item(0, uri="a", pixels="p1", hash=0xFF00, split="train"),
        item(0, uri="b", pixels="p1", hash=0xFF00, split="test"),
        item(1, uri="c", pixels="p2", hash=0xFF0F, split="train"),
        item(1, uri="d", pixels="p3", hash=0xFF00FF00FF00FF00, split="train"),
        item(1, uri="e", pixels="p3", hash=0xFF00FF00FF00FF00, split="train"),
        item(0, uri="f", pixels="p4", hash=0, split="train"),
        item(1, uri="g", pixels="p5", hash=0, split="test"),
        item(1, uri="h", error="cut"),
    ]
    groups = copies(items)
    assert [(one.kind, uris(one), one.across_classes, one.across_splits) for one in groups] == [
        ("exact", ["a", "b"], False, True),
        ("exact", ["d", "e"], False, False),
        ("similar", ["a", "b", "c"], True, True),
    ]


def test_five_bits_are_too_many(item) -> None:
    assert copies([item(hash=0b11111 << 20 | 1), item(hash=1)]) == []
    assert len(copies([item(hash=0b01111 << 20 | 1), item(hash=1)])) == 1


def test_an_unknown_label_or_split_crosses_nothing(item) -> None:
    (group,) = copies([item(None, pixels="p", split=None), item(1, pixels="p", split="test")])
    assert not group.across_classes
    assert not group.across_splits


def test_no_items() -> None:
    assert copies([]) == []


def test_prompts_in_two_splits_whatever_their_spelling(item) -> None:
    items = [
        item(1, prompt="A  cat", split="train"),
        item(1, prompt="a cat ", split="test"),
        item(1, prompt="a dog", split="train"),
        item(1, prompt="a dog", split="train"),
        item(1, split="test"),
        *(item(1, prompt="a fish", split=split) for split in ("train", "validation", "validation")),
    ]
    assert [(one.prompt, one.splits) for one in shared_prompts(items)] == [
        ("a fish", {"train": 1, "validation": 2}),
        ("A  cat", {"test": 1, "train": 1}),
    ]

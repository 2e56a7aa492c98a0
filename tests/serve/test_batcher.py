"""Pictures of all requests are judged together, in order, and none is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from unprompt.errors import UnreadablePicture
from unprompt.images import DEFAULT_LIMITS, encode_png
from unprompt.report.report_item import ReportItem
from unprompt.serve.batcher import Batcher, Lane, QueueFull
from unprompt.serve.uploads import Upload
from unprompt.types import Picture, Prediction


class Slow:
    """Answers with a picture's name, once it is let go on."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Semaphore(0), threading.Semaphore(0)
        self.batches: list[list[str]] = []

    def answer(self, pictures: Sequence[Picture], explain: bool) -> list[ReportItem[Prediction]]:
        self.batches.append([picture.uri for picture in pictures])
        self.begun.release()
        assert self.go.acquire(timeout=60)
        if any(picture.uri == "bad" for picture in pictures):
            raise ZeroDivisionError("a model's error")
        return [ReportItem(Prediction(picture.uri, "ok")) for picture in pictures]


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def batcher(slow: Slow) -> Iterator[Batcher]:
    made = Batcher(DEFAULT_LIMITS, batch_size=4, queue=9)
    made.start()
    yield made
    for _ in range(100):
        slow.go.release()
    made.close()


def picture(name: str) -> Upload:
    return Upload(name, encode_png(np.random.default_rng(len(name)).integers(0, 256, (8, 9, 3), np.uint8)))


def lanes(slow: Slow) -> tuple[Lane, Lane]:
    """Without and with pictures that explain."""
    predictor: Any = slow
    return Lane(predictor), Lane(predictor, explain=True)


def occupy(batcher: Batcher, slow: Slow) -> Lane:
    """One batch is being judged, one waits for it, one is decoded: what comes in the lane returned stays there."""
    busy, free = lanes(slow)
    batcher.submit(busy, [picture("a")])
    assert slow.begun.acquire(timeout=60)
    batcher.submit(busy, [picture("b")])
    while not batcher._decoded.full():
        time.sleep(0.001)
    batcher.submit(busy, [picture("c")])
    while batcher.waiting:
        time.sleep(0.001)
    return free


def uris(answers: Sequence[Any]) -> list[str]:
    return [one.result(60).row.uri for one in answers]


def test_what_waits_is_judged_together(batcher: Batcher, slow: Slow) -> None:
    lane, _ = lanes(slow)
    first = batcher.submit(lane, [picture("a")])
    assert slow.begun.acquire(timeout=60)
    waiting = batcher.submit(lane, [picture(name) for name in "bcdefghi"])
    for _ in range(3):
        slow.go.release()
    assert uris([*first, *waiting]) == list("abcdefghi")
    assert slow.batches == [["a"], ["b", "c", "d", "e"], ["f", "g", "h", "i"]]


def test_lanes_are_not_mixed(batcher: Batcher, slow: Slow) -> None:
    lane = occupy(batcher, slow)
    other = lanes(slow)[0]
    waiting = [batcher.submit(one, [picture(name)])[0] for name, one in zip("defg", [lane, other] * 2, strict=True)]
    for _ in range(9):
        slow.go.release()
    assert uris(waiting) == list("defg")
    assert ["d", "f"] in slow.batches


def test_a_full_queue_takes_all_or_nothing(batcher: Batcher, slow: Slow) -> None:
    lane = occupy(batcher, slow)
    batcher.submit(lane, [picture(str(number)) for number in range(8)])
    with pytest.raises(QueueFull, match="8 pictures wait already, of at most 9"):
        batcher.submit(lane, [picture("x"), picture("y")])
    assert batcher.waiting == 8
    batcher.submit(lane, [picture("z")])


def test_what_nobody_waits_for_is_not_judged(batcher: Batcher, slow: Slow) -> None:
    lane = occupy(batcher, slow)
    left, kept = batcher.submit(lane, [picture("left"), picture("kept")])
    assert left.cancel()
    for _ in range(9):
        slow.go.release()
    assert uris([kept]) == ["kept"]
    assert not any("left" in batch for batch in slow.batches)


def test_a_bad_picture_and_a_bad_batch_leave_the_others(batcher: Batcher, slow: Slow) -> None:
    lane, _ = lanes(slow)
    for _ in range(9):
        slow.go.release()
    (none,) = batcher.submit(lane, [Upload("none", b"no picture")])
    error = none.result(60)
    assert isinstance(error, UnreadablePicture)
    assert str(error).startswith("none: not a picture: 10 bytes")
    (bad,) = batcher.submit(lane, [picture("bad")])
    with pytest.raises(ZeroDivisionError, match="a model's error"):
        bad.result(60)
    (good,) = batcher.submit(lane, [picture("good")])
    assert uris([good]) == ["good"]


def test_closing_finishes_what_waits(slow: Slow) -> None:
    batcher, (lane, _) = Batcher(DEFAULT_LIMITS, batch_size=2), lanes(slow)
    batcher.start()
    answers = batcher.submit(lane, [picture(name) for name in "abcde"])
    for _ in range(9):
        slow.go.release()
    batcher.close()
    assert all(one.done() for one in answers)
    assert uris(answers) == list("abcde")
    with pytest.raises(QueueFull):
        batcher.submit(lane, [picture("late")])

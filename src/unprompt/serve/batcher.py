"""Pictures of all requests, judged together as they come: the models are never asked by two at once."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Queue
from typing import Any, TypeAlias

from unprompt.errors import PictureError
from unprompt.images import PIXELS_IN_MEMORY, Limits, read_isolated
from unprompt.report.report_item import ReportItem
from unprompt.serve.uploads import Upload
from unprompt.types import Picture
from unprompt.workflows.prediction.predictor import RowPredictor

log = logging.getLogger(__name__)
Answer: TypeAlias = "ReportItem[Any] | PictureError"


@dataclass(frozen=True)
class Lane:
    """Pictures of one lane are judged together."""

    predictor: RowPredictor[Any]
    explain: bool = False
    """With the pictures that explain an answer."""


@dataclass(frozen=True, eq=False)
class _WaitingPicture:
    lane: Lane
    upload: Upload
    answer: Future[Answer] = field(default_factory=Future)


_Decoded: TypeAlias = "list[tuple[_WaitingPicture, Picture]]"


class QueueFull(Exception):
    """No further picture is taken for now."""


class Batcher:
    """Two threads: one decodes what waits, apart from this process, while the other judges what was decoded.

    A batch is what waits in one lane when its turn comes, of at most ``batch_size`` pictures and PIXELS_IN_MEMORY
    pixels: without load a picture goes alone at once. At most three batches are decoded at a time: one is judged, one
    waits, one is being decoded. ``watch`` is told the size of each batch.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        batch_size: int = 32,
        queue: int = 256,
        decoders: int = 2,
        watch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._limits, self._batch_size, self._most, self._watch = limits, batch_size, queue, watch
        self._waiting: deque[_WaitingPicture] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._decoded: Queue[_Decoded | None] = Queue(1)
        self._decoders = decoders
        self._pool = ThreadPoolExecutor(decoders, "decode")
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._decode, self._judge)]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Finish what waits, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        for thread in self._threads:
            thread.join()
        self._pool.shutdown()

    @property
    def waiting(self) -> int:
        """Pictures that are not being decoded yet."""
        return len(self._waiting)

    def submit(self, lane: Lane, uploads: Sequence[Upload]) -> list[Future[Answer]]:
        """A future a picture; a cancelled one costs nothing if its turn has not come. QueueFull takes none of them."""
        tasks = [_WaitingPicture(lane, one) for one in uploads]
        with self._changed:
            if self._closing or len(self._waiting) + len(tasks) > self._most:
                raise QueueFull(f"{len(self._waiting)} pictures wait already, of at most {self._most}")
            self._waiting.extend(tasks)
            self._changed.notify()
        return [task.answer for task in tasks]

    def _decode(self) -> None:
        while (first := self._next()) is not None:
            tasks, decoded, held = [first], [], 0
            while tasks:
                for task, picture in zip(tasks, self._pool.map(self._read, tasks), strict=True):
                    if picture is not None:
                        decoded.append((task, picture))
                        held += picture.rgb.size // 3
                room = 0 if held >= PIXELS_IN_MEMORY else self._batch_size - len(decoded)
                tasks = self._further(first.lane, min(room, self._decoders))
            if decoded:
                self._decoded.put(decoded)
            del tasks, decoded, first
        self._decoded.put(None)

    def _next(self) -> _WaitingPicture | None:
        """The task that has waited longest and is still wanted; None at the end."""
        with self._changed:
            while True:
                while self._waiting:
                    task = self._waiting.popleft()
                    if task.answer.set_running_or_notify_cancel():
                        return task
                if self._closing:
                    return None
                self._changed.wait()

    def _further(self, lane: Lane, number: int) -> list[_WaitingPicture]:
        """More of a lane, as far as some wait."""
        with self._changed:
            chosen = [task for task in self._waiting if task.lane == lane][:number]
            for task in chosen:
                self._waiting.remove(task)
        return [task for task in chosen if task.answer.set_running_or_notify_cancel()]

    def _read(self, task: _WaitingPicture) -> Picture | None:
        try:
            return read_isolated(task.upload.data, task.upload.uri, self._limits)
        except PictureError as error:
            task.answer.set_result(error)
        except Exception as error:
            task.answer.set_exception(error)
        return None

    def _judge(self) -> None:
        while (batch := self._decoded.get()) is not None:
            self._watch(len(batch))
            try:
                lane = batch[0][0].lane
                items = lane.predictor.answer([picture for _, picture in batch], lane.explain)
            except Exception as error:  # whatever a model does, the requests end and the service goes on
                log.exception("a batch of %d pictures could not be judged", len(batch))
                for task, _ in batch:
                    task.answer.set_exception(error)
            else:
                for (task, _), item in zip(batch, items, strict=True):
                    task.answer.set_result(item)
            del batch

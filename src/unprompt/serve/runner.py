"""The thread that has jobs judged, beside what requests ask."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, Final

from unprompt.errors import PictureError
from unprompt.serve.batcher import Answer, Lane, QueueFull
from unprompt.serve.jobs import JobPicture, JobStore
from unprompt.serve.served_models import ServedModels

log = logging.getLogger(__name__)
PAUSE: Final = 2.0
"""Seconds until it looks again for jobs of other processes, and after an error."""
KEPT: Final = timedelta(days=7)
"""How long a job is kept."""


class JobRunner:
    """Takes what waits, a few pictures at a time, and stores each row once it is there."""

    def __init__(self, store: JobStore, engine: ServedModels) -> None:
        self._store, self._engine = store, engine
        self._closing, self._wanted = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin with what a former process left."""
        self._thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._wanted.set()

    def close(self) -> None:
        """Finish the pictures that were taken, then end."""
        self._closing.set()
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            if not self._advance():
                self._wanted.wait(PAUSE)
                self._wanted.clear()

    def _advance(self) -> int:
        """How many pictures got their rows."""
        if self._engine.state:
            return 0
        try:
            if done := self._store.advance(self._judge):
                return done
            self._store.expire(KEPT)
        except QueueFull:  # the service is ending
            return 0
        except Exception:  # a database that is away comes back, and the pictures wait
            log.exception("jobs could not be advanced; they are tried again")
        return 0

    def _judge(self, pictures: Sequence[JobPicture]) -> list[Any]:
        """Their rows, in order."""
        waiting = []
        for one in pictures:
            lane = self._engine.lane(one.question == "attribute")
            waiting.append((one, lane.predictor.summary.kind, self._submitted(lane, one)))
        return [_row(one.upload.uri, kind, answer) for one, kind, answer in waiting]

    def _submitted(self, lane: Lane, one: JobPicture) -> Future[Answer]:
        """Its future, once there is room in the queue."""
        while True:
            try:
                return self._engine.batcher.submit(lane, [one.upload])[0]
            except QueueFull:
                if self._closing.wait(0.1):
                    raise


def _row(uri: str, kind: type[Any], answer: Future[Answer]) -> Any:
    """A row for each picture, whatever becomes of it: what no model can judge must not be tried for ever."""
    try:
        found = answer.result()
    except Exception as error:
        return kind(uri, "error", f"{uri}: {type(error).__name__} where it was judged; the service's log tells more")
    return kind(uri, "error", str(found)) if isinstance(found, PictureError) else found.row

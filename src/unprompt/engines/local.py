"""Processes of this machine, one for each device."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.queues import SimpleQueue
from threading import Thread
from typing import Any, Generic

from unprompt.engines.base import Deaths, Engine, Line, Opening, R, T, Work
from unprompt.processors import prepare_environment, threads_chosen, usable_cores


class LocalEngine(Engine):
    """A process for each entry of ``devices``, started anew and not forked, as CUDA needs it.

    Each has its share of the processors in threads, unless the user's own settings say otherwise. Ctrl-C ends them at
    once. A script that uses it stands below ``if __name__ == "__main__"``.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self.devices = tuple(devices)

    def run(self, work: Work[T, R], tasks: Iterable[T]) -> Iterator[R]:
        line, deaths, ended = Line(tasks), Deaths(), False
        while not ended:
            with self._processes(work) as processes:
                pool = _Pool[T](processes, 2 * len(self.devices))
                try:
                    for answer in pool.through(line):
                        deaths.forget()
                        yield answer
                    ended = True
                except BrokenProcessPool as error:
                    line.put_back(pool.unanswered)
                    deaths.add(pool.unanswered, error)

    @contextmanager
    def _processes(self, work: Work[Any, Any]) -> Iterator[ProcessPoolExecutor]:
        context, count = get_context("spawn"), len(self.devices)
        devices: SimpleQueue[str] = context.SimpleQueue()
        for device in self.devices:
            devices.put(device)
        threads = max(1, usable_cores() // count)
        given = pickle.dumps(work), devices, threads
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=_prepare, initargs=given)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


class _Pool(Generic[T]):
    """Worker processes, and the tasks that they are at."""

    def __init__(self, pool: ProcessPoolExecutor, ahead: int) -> None:
        self._pool, self._ahead = pool, ahead
        self._running: dict[Future[Any], T] = {}

    def through(self, line: Line[T]) -> Iterator[Any]:
        """The answers. When a worker died, BrokenProcessPool; :attr:`unanswered` has what must be done again."""
        self._fill(line)
        while self._running:
            for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                answer = future.result()
                del self._running[future]
                yield answer
            self._fill(line)

    @property
    def unanswered(self) -> list[T]:
        return list(self._running.values())

    def _fill(self, line: Line[T]) -> None:
        while len(self._running) < self._ahead and (tasks := line.take()):
            try:
                self._running[self._pool.submit(_answer, *tasks)] = tasks[0]
            except BrokenProcessPool:
                line.put_back(tasks)
                raise


_arrived: Opening
"""In a worker."""


def _prepare(work: bytes, devices: SimpleQueue[str], threads: int) -> None:
    """Before anything heavy is imported."""
    global _arrived  # noqa: PLW0603 - a process has one work
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()
    if not threads_chosen():
        os.environ["OMP_NUM_THREADS"] = str(threads)
    prepare_environment()
    _arrived = Opening(work, devices.get())


def _end_with_parent() -> None:
    """Whoever kills the one that asked ends its workers too."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _answer(task: Any) -> Any:
    return _arrived.answer(task)

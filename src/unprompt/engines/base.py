"""What an engine is: a unit of work is opened once in each worker, and then answers task after task."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Generic, Protocol, TypeVar

from unprompt.errors import WorkerDied

T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

ATTEMPTS: Final = 3
"""How often workers may die in a row before the run is given up."""


class Work(Protocol[T_contra, R_co]):
    """What a worker does. It travels there by pickle, as the tasks and their answers do, so it holds no model."""

    def open(self, device: str) -> Callable[[T_contra], R_co]:
        """In a worker, once: load what the tasks need, on ``device``.

        What is returned may be asked the same task again, by another worker, when the first died over it.
        """


class Engine(ABC):
    """Spreads tasks over workers."""

    @abstractmethod
    def run(self, work: Work[T, R], tasks: Iterable[T]) -> Iterator[R]:
        """The answers, as they come; tasks are taken as workers become free, and none is lost or answered twice.

        A task whose worker died is done again by another. :class:`WorkerDied` when they keep dying; what the work
        raises is raised here, after the tasks that others are at.
        """


class InProcess(Engine):
    """This process, which has what the work needs."""

    def __init__(self, device: str) -> None:
        self.device = device

    def run(self, work: Work[T, R], tasks: Iterable[T]) -> Iterator[R]:
        yield from map(work.open(self.device), tasks)


class Opening:
    """Work that arrived at a worker; opened at the first task, so that what goes wrong is raised with an answer."""

    def __init__(self, work: bytes, device: str) -> None:
        self._work, self._device = work, device
        self._answer: Callable[[Any], Any] | None = None

    def answer(self, task: Any) -> Any:
        """What the work says to a task."""
        if self._answer is None:
            self._answer = pickle.loads(self._work).open(self._device)
        return self._answer(task)


class Line(Generic[T]):
    """Tasks that wait; those that came back stand at its head."""

    def __init__(self, tasks: Iterable[T]) -> None:
        self._tasks, self._returned = iter(tasks), list[T]()

    def take(self) -> list[T]:
        """The next task, in a list that is empty when there is none."""
        return [self._returned.pop(0)] if self._returned else list(islice(self._tasks, 1))

    def put_back(self, tasks: Iterable[T]) -> None:
        """Tasks whose worker died."""
        self._returned += tasks


class Deaths:
    """Counts workers that died with no answer between."""

    def __init__(self) -> None:
        self._count = 0

    def forget(self) -> None:
        """There was an answer."""
        self._count = 0

    def add(self, tasks: Sequence[object], error: Exception) -> None:
        """WorkerDied at the last attempt."""
        self._count += 1
        if self._count == ATTEMPTS:
            over = f"over {tasks[0]}" if tasks else "when they started"
            raise WorkerDied(
                f"{ATTEMPTS} workers in a row were killed, the last {over}; expected that each has the memory and "
                "the time that it needs: take fewer --devices or a smaller --batch-size, and run the same command again"
            ) from error

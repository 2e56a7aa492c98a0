"""The nodes of a Ray cluster, or a Ray of this machine's own.

Actors, not ``ray.data``: an actor loads the models once and keeps its GPU, a shard is already a block of rows that is
written where it is made, and nothing but its number has to come back.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Generic

from unprompt.engines.base import Deaths, Engine, Line, Opening, R, T, Work
from unprompt.errors import EngineError, MissingExtra


class RayEngine(Engine):
    """One actor for each of ``devices``, each with a processor, and a GPU where ``device`` is cuda.

    ``address`` is that of a cluster, as ``auto`` or ``ray://host:10001``; None takes RAY_ADDRESS, or starts a Ray here.
    All nodes have unprompt installed and see pictures and evidence under the same paths, or evidence by its URL.
    Without ``devices`` there are as many as the cluster has GPUs, or processors. When a node is lost its tasks go to
    others; what comes back gets work again.
    """

    def __init__(self, device: str, devices: int | None = None, address: str | None = None) -> None:
        self.device, self.devices, self.address = device, devices, address

    def run(self, work: Work[T, R], tasks: Iterable[T]) -> Iterator[R]:
        with connected(self.address) as ray:
            actors = _Actors[T](ray, self.device.partition(":")[0], pickle.dumps(work))
            yield from actors.through(Line(tasks), self.devices or room(ray, self.device, self.address))


class _Worker(Opening):
    """What an actor is of."""

    def ready(self) -> None:
        """Answers when the actor has come up."""


class _Actors(Generic[T]):
    """Actors, and the tasks that they are at."""

    def __init__(self, ray: Any, device: str, work: bytes) -> None:
        self._ray, self._given = ray, (work, device)
        self._actor = ray.remote(_Worker).options(num_cpus=1, num_gpus=gpus_of(device))
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, list[T]]] = {}
        """What is awaited -> the actor and its task, which is none while the actor comes up."""

    def through(self, line: Line[T], count: int) -> Iterator[Any]:
        """The answers of ``count`` actors; one that dies is started again, when and where there is room for it."""
        deaths = Deaths()
        for _ in range(count):
            self._start()
        while self._hand_out(line):
            (reference,), _ = self._ray.wait(list(self._busy))
            actor, tasks = self._busy.pop(reference)
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayActorError as error:
                line.put_back(tasks)
                deaths.add(tasks, error)
                self._start()
                continue
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from error
            self._idle.append(actor)
            if tasks:
                deaths.forget()
                yield answer

    def _start(self) -> None:
        actor = self._actor.remote(*self._given)
        self._busy[actor.ready.remote()] = actor, []

    def _hand_out(self, line: Line[T]) -> bool:
        """Give idle actors work; False when all of it is done."""
        while self._idle and (tasks := line.take()):
            actor = self._idle.pop()
            self._busy[actor.answer.remote(*tasks)] = actor, tasks
        return not self._idle or any(tasks for _, tasks in self._busy.values())


def gpus_of(device: str) -> int:
    """Of one actor, which sees its own alone, as cuda."""
    return int(device.startswith("cuda"))


def room(ray: Any, device: str, address: str | None, least: int = 1) -> int:
    """For how many actors the cluster has GPUs, or processors."""
    resource = "GPU" if gpus_of(device) else "CPU"
    count = int(ray.cluster_resources().get(resource, 0))
    if count < least:
        raise EngineError(
            f"the Ray cluster {address or 'of this machine'} has {count} {resource}, expected {least} or more: "
            "start nodes with some, or choose another --device"
        )
    return count


@contextmanager
def connected(address: str | None, package: str = "ray") -> Iterator[Any]:
    """Ray, connected; a connection that the caller has is used and left."""
    try:
        ray = import_module("ray")
        import_module(package)
    except ImportError as error:
        raise MissingExtra(f"--engine ray needs the package {package}: pip install 'unprompt[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    try:
        ray.init(address or os.environ.get("RAY_ADDRESS", "local"), log_to_driver=False, logging_level="warning")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise EngineError(
            f"no Ray answers at {address or 'this machine'} ({error}); expected the address of a running cluster, as "
            "auto or ray://host:10001: give it with --address, or leave it out for a Ray of this machine"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()

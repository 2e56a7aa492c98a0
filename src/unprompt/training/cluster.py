"""One training on a Ray cluster: Ray Train's workers stand where :mod:`unprompt.training.launch` has its processes.

When one of them dies, or its node, all are started anew and go on from the training's own file.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from torch import distributed

from unprompt.engines.base import ATTEMPTS
from unprompt.engines.ray import connected, gpus_of, missing, room
from unprompt.errors import EngineError, OptionError, UnpromptError, WorkerDied
from unprompt.training.loop import Task, share
from unprompt.training.run import Run
from unprompt.training.state import TrainingState

Begin: TypeAlias = Callable[[], tuple[TrainingState, Task]]
"""Prepares the training, in each process anew."""
SECONDS = 0.2
"""Between two looks at what the workers report."""


def train_on_cluster(state: TrainingState, begin: Begin, run: Run) -> Run:
    """As :func:`unprompt.training.loop.train`, in ``run.devices`` workers; ``begin`` travels to them by pickle."""
    if state.path is None:
        raise OptionError("--engine ray is given without a file `partial`, expected one that all nodes see: name it")
    state.load()
    if not state.finished:
        with connected(run.address) as ray:
            run = _follow(ray, state, begin, run)
        state.load()
        if not state.finished:
            raise EngineError(
                f"the cluster's workers are done, but {state.path} has {state.progress.epoch} of {state.epochs} epochs "
                "here, expected the file that they wrote: give an --out that all nodes see under the same path"
            )
    state.finish()
    return run


def _follow(ray: Any, state: TrainingState, begin: Begin, run: Run) -> Run:
    """Start the workers and hand on what they report; leaving ends them."""
    assert state.path
    resource, present = room(ray, run.device)
    if present < run.devices:
        raise EngineError(
            f"the Ray cluster {run.address or 'of this machine'} has {present} {resource}, and --devices is "
            f"{run.devices}: start more nodes, or give fewer --devices or another --device"
        )
    reports = ray.remote(_Reports).options(num_cpus=0).remote()
    given = pickle.dumps(_Worker(begin, run, state.path.absolute(), state.identity, os.getcwd()))
    running = ray.remote(_supervise).options(num_cpus=0).remote(given, run, reports)
    try:
        while not ray.wait([running], timeout=SECONDS)[0]:
            run = _deliver(ray.get(reports.take.remote()), state, run)
        ray.get(running)
        return _deliver(ray.get(reports.take.remote()), state, run)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise _died(error) from error
    finally:
        ray.cancel(running, force=True)


def _deliver(told: list[tuple[str, Any]], state: TrainingState, run: Run) -> Run:
    """The run, as the workers say that it went."""
    for kind, content in told:
        if kind == "error":
            raise content
        if kind == "run":
            run = content
        else:
            getattr(state, kind)(content)
    return run


class _Reports:
    """An actor between the workers and the process that asked."""

    def __init__(self) -> None:
        self._told: list[tuple[str, Any]] = []

    def tell(self, kind: str, content: Any) -> None:
        """Of a worker: a report for the callback of that name, an error, or the run as it went."""
        self._told.append((kind, content))

    def take(self) -> list[tuple[str, Any]]:
        """What was told since the last call."""
        told, self._told = self._told, []
        return told


def _supervise(given: bytes, run: Run, reports: Any) -> None:
    """In a process of the cluster, with which the workers end."""
    try:
        from ray import train
        from ray.train.torch import TorchTrainer
    except ImportError as error:
        raise missing("ray[train]") from error
    with TemporaryDirectory() as folder:
        trainer = TorchTrainer(
            _work,
            train_loop_config={"given": given, "reports": reports},
            scaling_config=train.ScalingConfig(num_workers=run.devices, use_gpu=bool(gpus_of(run.device))),
            run_config=train.RunConfig(
                storage_path=folder, failure_config=train.FailureConfig(max_failures=ATTEMPTS - 1)
            ),
        )
        try:
            trainer.fit()
        except train.TrainingFailedError as error:
            raise _died(next(iter(getattr(error, "worker_failures", {}).values()), error)) from error


def _died(cause: Exception) -> WorkerDied:
    """The error at the last attempt."""
    told = [type(cause).__name__, *str(cause).strip().splitlines()][-1]
    return WorkerDied(
        f"{ATTEMPTS} times a worker ended before the training did ({told}); expected that each has the memory that it "
        "needs: give a higher --accumulate, and run the same command again"
    )


def _work(config: dict[str, Any]) -> None:
    """In a worker, whose process group stands."""
    import ray

    tell = config["reports"].tell.remote
    try:
        run = pickle.loads(config["given"]).train(tell)
    except UnpromptError as error:
        ray.get(tell("error", error))
        raise
    ray.get(tell("run", run))  # and all that was told before


@dataclass(frozen=True)
class _Worker:
    """What a worker is given."""

    begin: Begin
    run: Run
    path: Path
    identity: str
    """As the process that asked computed it: another kind of processor adds up in another order."""
    folder: str
    """From which paths are relative: Ray Train starts a worker in one of its own."""

    def train(self, tell: Callable[[str, Any], None]) -> Run:
        """Take this worker's share; the first one saves and reports. The run is returned as it went."""
        if os.path.isdir(self.folder):
            os.chdir(self.folder)
        state, task = self.begin()
        state.path, state.identity = self.path, self.identity
        state.load()
        self._agree(state)
        if distributed.get_rank() == 0:
            state.on_epoch, state.on_step = partial(tell, "on_epoch"), partial(tell, "on_step")
        else:
            state.path = None
        if state.finished:
            return self.run
        used = share(state, task, replace(self.run, device=self.run.device.partition(":")[0]))
        return replace(self.run, accumulate=used.accumulate)

    def _agree(self, state: TrainingState) -> None:
        """RuntimeError, after which Ray tries again, where a network's file system shows some an older file."""
        places: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(places, state.steps_done)
        if len(set(places)) > 1:
            raise RuntimeError(f"the workers find {self.path} after {places} steps, expected one file on all nodes")

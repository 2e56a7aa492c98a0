"""One training in Ray Train's workers; when one dies, all start anew and go on from the training's file."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

from torch import distributed

from unprompt.engines.base import ATTEMPTS
from unprompt.engines.ray import connected, gpus_of, room
from unprompt.errors import EngineError, OptionError, UnpromptError, WorkerDied
from unprompt.training.loop import Task, share
from unprompt.training.run import Run
from unprompt.training.state import TrainingState


def train_on_cluster(state: TrainingState, begin: Callable[[], tuple[TrainingState, Task]], run: Run) -> Run:
    """As :func:`unprompt.training.loop.train`, which each worker begins by ``begin``."""
    if state.path is None:
        raise OptionError("--engine ray is given without `partial`, expected a file that all nodes see")
    state.load()
    if not state.finished:
        given = pickle.dumps((begin, run, state.path.absolute(), state.identity))
        with connected(run.address, "ray.train") as ray:
            run = _follow(ray, state, given, run)
        state.load()
        if not state.finished:
            raise EngineError(
                f"{state.path} has {state.progress.epoch} of {state.epochs} epochs, expected all, which the workers "
                "wrote: give an --out that all nodes see"
            )
    state.finish()
    return run


def _follow(ray: Any, state: TrainingState, given: bytes, run: Run) -> Run:
    """Hand on what the workers tell; they end with this."""
    room(ray, run.device, run.address, run.devices)
    from ray.util.queue import Queue

    told = Queue(actor_options={"num_cpus": 0})
    running = ray.remote(_supervise).options(num_cpus=0).remote(given, run, told)
    try:
        while not ray.wait([running], timeout=0.2)[0] or not told.empty():
            for kind, content in told.get_nowait_batch(told.qsize()):
                if kind == "error":
                    raise content
                if kind == "run":
                    run = content
                else:
                    getattr(state, kind)(content)
        ray.get(running)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    finally:
        ray.cancel(running, force=True)
    return run


def _supervise(given: bytes, run: Run, told: Any) -> None:
    """In a process of the cluster, which owns the workers."""
    from ray import train
    from ray.train.torch import TorchTrainer

    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # relative paths
    scaling = train.ScalingConfig(num_workers=run.devices, use_gpu=bool(gpus_of(run.device)))
    failures = train.FailureConfig(max_failures=ATTEMPTS - 1)
    with TemporaryDirectory() as folder:
        config = train.RunConfig(storage_path=folder, failure_config=failures)
        try:
            TorchTrainer(partial(_work, given, told), scaling_config=scaling, run_config=config).fit()
        except train.TrainingFailedError as error:
            last = str(error).strip().splitlines()[-1]
            raise WorkerDied(
                f"workers died {ATTEMPTS} times ({last}), expected memory for each: raise --accumulate, run it again"
            ) from error


def _work(given: bytes, told: Any) -> None:
    """In a worker, whose process group stands: the first one saves and reports."""
    begin, run, path, identity = pickle.loads(given)
    try:
        state, task = begin()
        state.path, state.identity = path, identity
        state.load()
        places: list[Any] = [None] * run.devices
        distributed.all_gather_object(places, state.steps_done)
        if len(set(places)) > 1:  # a network's file system is late: Ray tries again
            raise RuntimeError(f"{path} is at steps {places}, expected the same on all nodes")
        if distributed.get_rank():
            state.path = None
        else:
            for kind in ("on_epoch", "on_step"):
                setattr(state, kind, lambda report, kind=kind: told.put((kind, report)))
        if not state.finished:
            used = share(state, task, replace(run, device=run.device.partition(":")[0]))
            told.put(("run", replace(run, accumulate=used.accumulate)))
    except UnpromptError as error:
        told.put(("error", error))
        raise

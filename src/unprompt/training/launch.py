"""One training in several processes on this machine, each with a device of its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from accelerate.utils import is_cuda_available
from torch import distributed
from torch.multiprocessing.spawn import ProcessException, start_processes

from unprompt.errors import OptionError, UnpromptError
from unprompt.training.run import Run
from unprompt.training.state import TrainingState, noop


def launch(state: TrainingState, work: Callable[[], object], run: Run) -> None:
    """Do ``work`` on ``state`` in ``run.devices`` forked processes, and take up the state that it leaves.

    The first process saves; its reports reach the callbacks in this process, and so does its error.
    """
    _check(run)
    path, reports = state.path, multiprocessing.get_context("fork").SimpleQueue()
    with TemporaryDirectory() as folder:
        state.path = path or Path(folder, "state.safetensors")
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
                arguments = (state, work, run, str(Path(folder, "store")), reports)
                running: Any = start_processes(_process, arguments, run.devices, join=False, start_method="fork")
            try:
                while not running.join(timeout=0.05):
                    _deliver(reports, state)
            except ProcessException:
                _deliver(reports, state)
                raise
            finally:
                for process in running.processes:
                    process.terminate()
            _deliver(reports, state)
            state.load()
        finally:
            state.path = path


def _check(run: Run) -> None:
    """Without starting CUDA, which would not survive the fork."""
    if not hasattr(os, "fork"):
        raise OptionError(f"--devices is {run.devices}, and this system cannot fork processes: use 1, or Linux")
    if run.device == "cpu":
        return
    present = torch.cuda.device_count() if is_cuda_available() else 0
    if present < run.devices:
        raise OptionError(f"--devices is {run.devices} and --device {run.device}: this machine has {present} GPUs")
    if torch.cuda.is_initialized():
        raise OptionError(
            f"--devices is {run.devices}, and this process has used a GPU already: train in a process of its own, "
            "as the command line does"
        )


def _process(rank: int, state: TrainingState, work: Callable[[], object], run: Run, store: str, reports: Any) -> None:
    loopback = "lo" if sys.platform == "linux" else "lo0"
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": loopback}
    os.environ |= {"WORLD_SIZE": str(run.devices), "LOCAL_WORLD_SIZE": str(run.devices)}
    torch.set_num_threads(1)  # OpenMP's threads do not survive a fork
    # Convolutions of 1 x 1: a matter of speed, not of the gradients.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides", UserWarning)
    state.on_epoch = noop if rank else lambda report: reports.put(("on_epoch", report))
    state.on_step = noop if rank else lambda report: reports.put(("on_step", report))
    state.path = None if rank else state.path
    distributed.init_process_group(
        "gloo" if run.device == "cpu" else "nccl",
        init_method=f"file://{store}",
        rank=rank,
        world_size=run.devices,
    )
    try:
        work()
    except UnpromptError as error:
        reports.put(("error", error))
        raise
    distributed.destroy_process_group()


def _deliver(reports: Any, state: TrainingState) -> None:
    while not reports.empty():
        kind, content = reports.get()
        if kind == "error":
            raise content
        getattr(state, kind)(content)

"""How many threads a model computes with: one for a small model, all that the process has for a large one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Final

import torch

from unprompt.processors import threads_chosen, usable_cores

SMALL: Final = 64 * 10**6
"""Bytes of weights up to which a model's operations are over before a second thread is awake."""
_ALLOWED: Final[ContextVar[int]] = ContextVar("_ALLOWED")
"""Threads that the outermost use found allowed."""
_cores: Final = cache(usable_cores)


@contextmanager
def threads(weights: float) -> Iterator[None]:
    """Inside, torch computes with the threads that fit a model of so many bytes; as before afterwards.

    Never with more than torch was allowed before, or than the process has processors. Nothing changes where the user
    has chosen by OMP_NUM_THREADS or MKL_NUM_THREADS.
    """
    if threads_chosen():
        yield
        return
    before = torch.get_num_threads()
    allowed = _ALLOWED.set(_ALLOWED.get(min(before, _cores())))
    torch.set_num_threads(1 if weights <= SMALL else _ALLOWED.get())
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _ALLOWED.reset(allowed)


def weights_of(network: torch.nn.Module) -> int:
    """Bytes of a network's weights."""
    return sum(one.nbytes for one in network.parameters())

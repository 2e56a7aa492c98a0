"""The processors that a process really has, and what the libraries that compute are told of them. Loads none of these.

A container of one processor on a host of 64 shows 64 to whoever counts them: what it may use is its affinity and the
quota of its control groups.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

_CHOICES: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which a user says how many threads compute; then nothing here says otherwise."""


def usable_cores() -> int:
    """Cores that this process may run on, at most as many as its quota comes to, and 1 or more.

    Where the system tells neither, all that there are.
    """
    if hasattr(os, "process_cpu_count"):  # Python 3.13 and later
        cores = os.process_cpu_count() or 1
    else:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = quota()
    return cores if granted is None else max(1, min(cores, math.ceil(granted)))


def processor_name() -> str:
    """What the processor calls itself, as ``AMD EPYC 7763``; its architecture where the system does not tell."""
    with suppress(OSError, IndexError):
        return Path("/proc/cpuinfo").read_text("utf-8", "replace").split("model name\t: ")[1].split("\n")[0]
    return platform.processor() or platform.machine()


def quota(groups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Processors' worth of time that Linux grants to the process's control groups; None = no limit, or not told."""
    shares = map(_share, _folders(groups, mounted))
    return min((share for share in shares if share is not None), default=None)


def threads_chosen(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the user has said how many threads compute."""
    return any(environment.get(name) for name in _CHOICES)


def prepare_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """For a process that is ours alone, before it loads what computes; what the user has set stays.

    Threads that wait sleep at once, where otherwise they would use up what others could: beside two busy processes on
    two cores, a batch of small models took four times the processor seconds. Those of linear algebra follow the quota.
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environment.setdefault("KMP_BLOCKTIME", "0")  # the same, in the words of Intel's and LLVM's library
    if not threads_chosen(environment):
        environment.setdefault("OPENBLAS_NUM_THREADS", str(usable_cores()))


def _folders(groups: Path, mounted: Path) -> Iterator[Path]:
    """Of the process's groups that limit processors and of all above them, in both versions of control groups.

    A container may be told a path of its host, of which it sees the last folder alone, as the root of all.
    """
    with suppress(OSError, ValueError):
        for line in groups.read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            roots = (mounted / controllers, mounted / "cpu") if controllers else (mounted, mounted / "unified")
            place = PurePosixPath(path)
            levels = [one.relative_to("/") for one in (place, *place.parents)]
            yield from (root / level for root in roots for level in levels)


def _share(folder: Path) -> float | None:
    """Time over period of one group; None where it has no limit."""
    with suppress(OSError, ValueError, ArithmeticError):
        most, period = (folder / "cpu.max").read_text("utf-8").split()
        return None if most == "max" else int(most) / int(period)
    with suppress(OSError, ValueError, ArithmeticError):
        most, period = ((folder / f"cpu.cfs_{name}_us").read_text("utf-8") for name in ("quota", "period"))
        return int(most) / int(period) if int(most) > 0 else None
    return None

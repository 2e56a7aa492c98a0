"""``unprompt doctor``: what works on this machine, what does not, and what mends it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Literal

from unprompt.detectors import load
from unprompt.errors import UnpromptError
from unprompt.instruments import Manifest, Suite, embedded
from unprompt.workflows.selftest import checks

FREE_GIB = 2
LIBRARIES = ("torch", "transformers", "diffusers", "safetensors", "pyarrow", "pillow")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: Literal["pass", "warn", "fail"]
    message: str
    fix: str = ""


def doctor(selftest: bool = False) -> list[Finding]:
    """Look at Python, the libraries, the disk, and every embedded suite with its instruments and heads.

    With ``selftest`` the heads judge the pictures that are shipped beside them, and are held to their golden scores.
    """
    found = [_python(), *map(_library, LIBRARIES), _disk(), *(row for name in embedded() for row in _suite(name))]
    if selftest:
        found += [_tried(*check) for name in embedded() for check in checks(Suite.load(name))]
    return found


def _python() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("python", "pass", f"{platform.python_version()} on {sys.platform}, {cores} cores")


def _library(name: str) -> Finding:
    try:
        return Finding(name, "pass", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "fail", "not installed", f"pip install {name}")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 2**30
    if free < FREE_GIB:
        return Finding("disk", "warn", f"{free:.1f} GiB free here", f"evidence needs room: free {FREE_GIB} GiB or more")
    return Finding("disk", "pass", f"{free:.0f} GiB free here")


def _suite(name: str) -> Iterator[Finding]:
    """Every instrument is loaded, so a damaged or exchanged weight file shows; every head is opened."""
    manifest, suite = Manifest.read(name), Suite.load(name)
    for role in manifest.instruments:
        yield _tried(f"{name}: {role}", partial(_instrument, suite, role))
    for generator in manifest.generators:
        yield _tried(f"{name}: {generator}", partial(_generator, suite, generator))
    for method in sorted(manifest.heads):
        yield _tried(f"{name}: head {method}", partial(_head, suite, method))


def _instrument(suite: Suite, role: str) -> str:
    return repr(getattr(suite, role))


def _generator(suite: Suite, name: str) -> str:
    return repr(suite.generator(name))


def _head(suite: Suite, method: str) -> str:
    figures = load(suite.head(method), suite).figures
    return f"AUC {figures['auc']:.3f} on {figures['n_real'] + figures['n_generated']} validation pictures"


def _tried(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "pass", look())
    except UnpromptError as error:
        return Finding(name, "fail", str(error), "reinstall the package, or make the suite again: make miniature")

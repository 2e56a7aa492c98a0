"""``unprompt doctor``: what works on this machine, what does not, and what mends it."""

from __future__ import annotations

import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Literal

import torch

from unprompt.detectors import ATTRIBUTORS, load, load_attributor
from unprompt.errors import CheckpointError, MissingWeights, StoreError, UnpromptError
from unprompt.instruments import Manifest, Suite, embedded
from unprompt.instruments.matrix_rate import FASTER, matrix_rates
from unprompt.instruments.shelf import shipped
from unprompt.instruments.specs import Spec
from unprompt.processors import usable_cores
from unprompt.workflows.fetch import GB
from unprompt.workflows.planning.costs import extractors_of, specs_of
from unprompt.workflows.planning.machine import memory
from unprompt.workflows.prediction.selftest import checks

FREE_GIB = 2
LIBRARIES = ("torch", "transformers", "diffusers", "safetensors", "pyarrow", "pillow")


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    status: Literal["pass", "warn", "fail"]
    message: str
    fix: str = ""


def doctor(*, selftest: bool = False) -> list[Check]:
    """Check Python, the libraries, the disk, the devices and every embedded suite, with a fix for what fails.

    Args:
        selftest: Also judge the shipped pictures and compare with their golden scores.
    """
    manifests = [Manifest.read(shipped(name)) for name in embedded()]
    python = Check("python", "pass", f"{platform.python_version()} on {sys.platform}, {usable_cores()} cores")
    suites = (row for manifest in manifests for row in _models(manifest))
    devices = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    results = [python, *map(_library, LIBRARIES), _disk(), *map(numbers, devices), *suites]
    if selftest:
        results += [_tried(*check) for manifest in manifests for check in checks(Suite(manifest))]
    return results


def _library(name: str) -> Check:
    try:
        return Check(name, "pass", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, "fail", "not installed", f"pip install {name}")


def _disk() -> Check:
    free = shutil.disk_usage(".").free / 2**30
    if free < FREE_GIB:
        return Check("disk", "warn", f"{free:.1f} GiB free here", f"evidence needs space: free {FREE_GIB} GiB or more")
    return Check("disk", "pass", f"{free:.0f} GiB free here")


def numbers(device: str) -> Check:
    """Which numbers a device multiplies fastest, measured now."""
    try:
        rates = matrix_rates(torch.device(device))
    except RuntimeError as error:  # its memory is full, or this torch cannot multiply some of them there
        return Check(f"numbers on {device}", "warn", f"not measured: {error}", "free the device, or renew torch")
    told = ", ".join(f"{name} {1000 * rate:,.3g}" for name, rate in rates.items())
    gain = rates["bfloat16"] / rates["float32"]
    advice = "float32 is the way"
    if gain >= FASTER:
        advice = f"--dtype bfloat16 (or auto) can be up to {gain:.1f} times as fast; shipped heads learned from float32"
    return Check(f"numbers on {device}", "pass", f"{told} GFLOP/s of matrix products; {advice}")


def _models(manifest: Manifest) -> Iterator[Check]:
    try:
        yield from fetched(manifest)
    except UnpromptError as error:  # what was fetched cannot be looked at
        yield Check(f"{manifest.name}: fetched models", "fail", str(error))
    yield from _suite(manifest)


def _is_remote(spec: Spec) -> bool:
    return not spec.path


def fetched(manifest: Manifest) -> Iterator[Check]:
    """The models of a suite that are to be fetched: which are here, and what memory each method asks for."""
    for spec in filter(_is_remote, manifest.specs()):
        needs = f"{spec.needs.disk:.1f} GB of disk, {spec.needs.memory:.1f} GB of memory in float32"
        present = manifest.present(spec)
        state = f"fetched, {manifest.origin(spec).revision or 'of one edition'}" if present else "not fetched"
        fix = "" if present else f"unprompt fetch {shlex.quote(manifest.fetch_name)}"
        yield Check(f"{manifest.name}: {spec.source.split('/')[-1]}", "pass", f"{state}; {needs}; {spec.licence}", fix)
    gigabytes = {
        method: sum(spec.needs.memory for spec in specs_of(manifest, extractors_of(method, manifest)))
        for method in manifest.heads or ("sare", "semgir", "semgir-a", "tidy", "item", "panel")
    }
    if not any(gigabytes.values()):
        return
    needs = ", ".join(f"{method} {need:.1f}" for method, need in gigabytes.items())
    here = memory()
    enough = here is not None and here / GB > max(gigabytes.values())
    has = "does not report its memory" if here is None else f"has {here / GB:.0f} GB"
    yield Check(
        f"{manifest.name}: memory",
        "pass" if enough else "warn",
        f"{needs} GB of weights in float32; this machine {has}",
        "" if enough else "one method at a time, or --dtype bfloat16, which halves it",
    )


def _suite(manifest: Manifest) -> Iterator[Check]:
    """What is shipped: every instrument is loaded, so a damaged or exchanged file shows; every head is opened."""
    name = manifest.name
    if manifest.fake:
        yield Check(f"{name}: models", "pass", "random numbers, made in the user's cache at their first use")
        return
    suite = Suite(manifest)
    for role in (role for role, spec in manifest.instruments.items() if not _is_remote(spec)):
        yield _tried(f"{name}: {role}", lambda role=role: repr(getattr(suite, role).load()))  # type: ignore[misc]
    for key in (key for key, spec in manifest.generators.items() if not _is_remote(spec)):
        yield _tried(f"{name}: {key}", lambda key=key: repr(suite.generator(key).load()))  # type: ignore[misc]
    for method in sorted(manifest.heads):
        yield _tried(f"{name}: head {method}", partial(_head, suite, method))


def _head(suite: Suite, method: str) -> str:
    path, is_attributor = suite.head(method), method in ATTRIBUTORS
    figures = (load_attributor if is_attributor else load)(path, suite).figures
    try:
        if is_attributor:
            return f"accuracy {figures['accuracy']:.3f} on {figures['n']} validation pictures"
        return f"AUC {figures['auc']:.3f} on {figures['n_real'] + figures['n_generated']} validation pictures"
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has no figures of its validation ({error!r}): train it again") from error


def _tried(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, "pass", check())
    except MissingWeights as error:
        return Check(name, "warn", f"not tried: {error}", f"unprompt fetch {name.partition(':')[0]}")
    except StoreError as error:  # no fault of what is shipped
        return Check(name, "fail", str(error))
    except UnpromptError as error:
        return Check(name, "fail", str(error), "reinstall the package, or make the suite again: make miniature")

"""``--dtype auto``: the lower precision that this device multiplies faster, where no instrument notices it.

It is one dtype for a suite: evidence states one for all of its models, and workers get what was chosen at the start.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import numpy as np
import torch

from unprompt.errors import MissingExtra, MissingWeights, OptionError, StoreError
from unprompt.instruments.cache import note, noted
from unprompt.instruments.loading import device_of
from unprompt.instruments.manifest import Manifest
from unprompt.instruments.matrix_rate import FASTER, matrix_rates
from unprompt.instruments.probe import answers, decibels
from unprompt.instruments.suites import Suite
from unprompt.processors import processor_name

LOWER: Final = ("bfloat16", "float16")
"""In the order in which they are tried: the first never overflows where float32 does not."""
NOTES: Final = "precision"
"""Folder of what was measured, in the cache."""
MEDIAN: Final = 45.0
"""Decibels of an instrument's answers against those in float32, in the median."""
LOW: Final = 35.0
"""And at their 5th percentile."""

log = logging.getLogger(__name__)


def measured_dtype(manifest: Manifest, device: str) -> str:
    """The first of LOWER that is FASTER and in which all models that are here pass MEDIAN and LOW; else float32.

    What was measured is kept in the cache folder, by the device's name, torch's version and the instrument's card.
    """
    where = device_of(device)
    machine = [device_name(where), torch.__version__]
    dtype, why = _choice(manifest, where, machine)
    log.info(f"--dtype auto is {dtype} for the suite {manifest.called} on {machine[0]}: {why}")
    return dtype


def _choice(manifest: Manifest, device: torch.device, machine: Sequence[str]) -> tuple[str, str]:
    try:
        gains = _kept("the speed of each dtype", machine, LOWER, lambda: _gains(device))
    except RuntimeError as error:  # Its memory is full, or this torch cannot multiply some of them there.
        return "float32", f"its speed cannot be measured ({error})"
    reasons = [f"bfloat16 {gains['bfloat16']:.2g}, float16 {gains['float16']:.2g} times as fast, expected {FASTER}"]
    fast = [name for name in LOWER if gains[name] >= FASTER]
    here = list(_present(manifest, str(device))) if fast else []
    if fast and not here:
        return "float32", "none of its models is on this machine, so that none can be compared"
    for dtype in fast:
        failing = next(_failing(manifest, here, str(device), dtype, machine), None)
        if failing is None:
            return dtype, "; ".join([*reasons, f"no model notices {dtype}"])
        reasons.append(failing)
    return "float32", "; ".join(reasons)


def device_name(device: torch.device) -> str:
    """A GPU's name; of a processor its name and the instructions that torch takes."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor_name()} {torch.backends.cpu.get_cpu_capability()} {device.type}"


def _gains(device: torch.device) -> dict[str, float]:
    rates = matrix_rates(device)
    return {name: rates[name] / rates["float32"] for name in LOWER}


def _present(manifest: Manifest, device: str) -> Iterator[tuple[str, str]]:
    """Method, empty for all, and role of each instrument whose weights and packages are on this machine."""
    common = (*manifest.instruments, *(f"generators.{name}" for name in manifest.generators))
    own = [(method, role) for method, table in manifest.methods.items() for role in table.instruments]
    for method, role in [*(("", role) for role in common), *own]:
        with suppress(MissingWeights, MissingExtra):  # Told where it is used.
            Suite(manifest, device).of(method).instrument(role).check()
            yield method, role


def _failing(
    manifest: Manifest, here: Sequence[tuple[str, str]], device: str, dtype: str, machine: Sequence[str]
) -> Iterator[str]:
    """Why instruments of the suite that are here cannot run in ``dtype``."""
    for method, role in here:
        card = Suite(manifest, device, dtype).of(method).card(role)
        key = [*machine, card.kind, card.digest, card.parameters]
        try:
            compare = partial(_compared, manifest, device, dtype, method, role)
            found = _kept(f"the suite's {role} in {dtype} against float32", key, ("median", "low"), compare)
        except (RuntimeError, OptionError) as error:  # No such operation there, or no memory for both.
            yield f"{role} cannot be compared in {dtype} ({str(error)[:200]}), name a --dtype to have it all the same"
            continue
        median, low = found["median"], found["low"]
        if median < MEDIAN or low < LOW:
            yield f"{role} in {dtype} comes to {median:.1f} dB (5 %: {low:.1f}), expected {MEDIAN:g} and {LOW:g}"


def _compared(manifest: Manifest, device: str, dtype: str, method: str, role: str) -> dict[str, float]:
    """Decibels of its answers; one precision at a time is in memory."""
    found, exact = (answers(Suite(manifest, device, name).of(method).instrument(role)) for name in (dtype, "float32"))
    if len(found) != len(exact):  # A grounder that sees other phrases.
        return {"median": 0.0, "low": 0.0}
    each = [decibels(*pair) for pair in zip(found, exact, strict=True)]
    median, low = map(float, np.percentile(each, [50, 5], method="lower"))  # Of few, no bad one is averaged away.
    return {"median": median, "low": low}


def _kept(
    what: str, key: Sequence[object], names: Sequence[str], measure: Callable[[], Mapping[str, float]]
) -> Mapping[str, float]:
    """The numbers of these names that the cache folder has under this key, else those that are measured and kept.

    The key begins with the device's name; ``what`` is told before it is measured.
    """
    with suppress(KeyError, ValueError, TypeError):
        found = noted(NOTES, key)["found"]
        kept = {name: float(found[name]) for name in names}
        if all(map(math.isfinite, kept.values())):
            return kept
    log.info(f"--dtype auto measures {what} on {key[0]}, once: later runs take what is found")
    measured = measure()
    try:
        note(NOTES, key, {"found": measured})
    except (OSError, StoreError) as error:
        log.warning(f"what was measured for --dtype auto cannot be kept ({error}): mend that place")
    return measured

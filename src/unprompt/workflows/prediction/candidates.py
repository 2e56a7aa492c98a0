"""Which suites are asked. Importing this loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from unprompt.choices import AUTO
from unprompt.errors import SuiteError
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.lanes import EXACT, LANE
from unprompt.instruments.overrides import joined_name, split_name

EMBEDDED: Final = ("miniature", "photo")
"""What ``auto`` tries, in this order: each suite's own check decides which pictures are in its distribution."""


def candidate_suites(name: str | Path, method: str, device: str = "cpu", dtype: str = "float32") -> list[Suite]:
    """The suites that are to give an answer, in the order in which they are tried; no model is loaded.

    ``auto`` is every embedded suite of ``EMBEDDED`` with a head of ``method``, and ``auto[lane=fast]`` each in that
    lane if it has it. SuiteError for one of random weights, OptionError for a device or numbers that cannot be used
    here.
    """
    if (device, dtype) != ("cpu", "float32"):
        from unprompt.instruments.loading import check_dtype, device_of  # Here, since they load torch.

        device_of(device)
        check_dtype(dtype)
    suites = [Suite.load(one, device, dtype) for one in _names(str(name))]
    if suites[0].fake:
        raise SuiteError(
            f"suite {suites[0].name!r} has random weights and gives no verdict: it is for tests of plumbing; "
            "use --suite miniature, or a suite whose heads were trained"
        )
    return [one for one in suites if method in one.heads] or suites[:1]


def _names(name: str) -> list[str]:
    """One name, or those that ``auto`` stands for."""
    base, changed = split_name(name)
    if base != AUTO or changed.keys() - {LANE}:
        return [name]
    lane = changed.get(LANE, EXACT)
    having = [one for one in EMBEDDED if lane in (EXACT, *Manifest.read(one).lanes)] or EMBEDDED[:1]
    return [joined_name(one, {LANE: lane} if one in having else {}) for one in EMBEDDED]

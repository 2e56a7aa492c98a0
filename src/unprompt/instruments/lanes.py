"""Lanes: faster ways of a suite's models, each with parameters of its own and heads that are calibrated on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from pydantic.dataclasses import dataclass

from unprompt.errors import SuiteError
from unprompt.structured_text import parse_object
from unprompt.validation import CONFIG

LANE: Final = "lane"
"""The name of the choice among what is exchanged inline: ``miniature[lane=fast]``."""
EXACT: Final = "exact"
"""The lane that exchanges nothing."""


@dataclass(frozen=True, config=CONFIG)
class LaneSpec:
    """One lane as a suite's file states it."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """PLACE.PARAMETER -> value."""
    fitted: str = ""
    """A JSON file beside the suite's: SHA-256 of a head -> its ``calibration`` and ``thresholds`` on this lane's
    evidence; empty = none was fitted."""


def read_fits(file: Path) -> tuple[Mapping[str, Mapping[str, Any]], str]:
    """What was fitted, and the file's SHA-256; SuiteError for a file that cannot be read."""
    try:
        data = file.read_bytes()
        return parse_object(data.decode()), hashlib.sha256(data).hexdigest()
    except (OSError, ValueError) as error:
        raise SuiteError(
            f"{file}, which a lane of the suite names, cannot be read ({error}); expected what `python -m "
            "unprompt.recipes.lanes` writes, or no `fitted` in the suite's file",
            path=file,
        ) from error

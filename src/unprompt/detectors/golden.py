"""What a suite's heads answered for a few pictures beside it, so that any machine can see if it answers the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final, Self

from unprompt.errors import SuiteError
from unprompt.store.files import write_aside
from unprompt.structured_text import read_object
from unprompt.validation import Number, checked

FOLDER: Final = "golden"
"""Beside the suite's file: the pictures, and the probabilities."""
FILE: Final = "golden.json"
REMEDY: Final = "reinstall the package, or make the suite's golden scores again by its recipe"
TOLERANCE: Final = 0.02
"""Difference of a probability that other processors and libraries may make; another model makes a larger one."""


@checked("")
class Golden:
    """Pictures by their name in the folder, and the calibrated probabilities of every method."""

    pixels: Mapping[str, str]
    """Name -> hash of the decoded pixels, which also seeds the noise."""
    probabilities: Mapping[str, Mapping[str, Number]]
    """Method -> name -> probability of "generated" at prior 0.5; of an attributor, that of its highest candidate."""

    def write(self, folder: Path) -> None:
        """Store it beside its pictures."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
        write_aside(folder / FILE, lambda file: file.write(text.encode("ascii")))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What ``write`` stored; :class:`SuiteError` when it is missing or damaged."""
        path = folder / FILE
        try:
            found = cls(**read_object(path))
            sound = bool(found.pixels) and all(
                one.keys() == found.pixels.keys() for one in found.probabilities.values()
            )
        except (OSError, ValueError, TypeError) as error:
            raise SuiteError(f"{path}: no sound golden scores ({error}); {REMEDY}") from error
        if not sound:
            raise SuiteError(f"{path}: not every method has a score of every picture, expected one of each; {REMEDY}")
        return found

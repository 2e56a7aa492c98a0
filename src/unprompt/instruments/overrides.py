"""A suite with some parameters of its models exchanged inline: ``miniature[diffusion.strength=0.3]``, or a whole lane.

Evidence and heads name the suite so, and evidence has a fingerprint of its own, as with any other parameters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from unprompt.errors import OptionError
from unprompt.instruments.lanes import LANE
from unprompt.structured_text import is_scalar, parse_value

_SHAPE: Final = re.compile(r"(?P<suite>[^\[\]]+)\[(?P<pairs>[^\[\]]*)\]")


def split_name(name: str) -> tuple[str, dict[str, Any]]:
    """The suite's name or path without what is in brackets, and PLACE.PARAMETER -> value; OptionError for no pair.

    >>> split_name("miniature[diffusion.strength=0.3,captioner.beams=1]")
    ('miniature', {'diffusion.strength': 0.3, 'captioner.beams': 1})
    """
    found = _SHAPE.fullmatch(name)
    return (found["suite"], _pairs(found["pairs"].split(","))) if found else (name, {})


def with_overrides(name: str, pairs: Iterable[str]) -> str:
    """The name with further PLACE.PARAMETER=VALUE; the last one of a parameter counts.

    >>> with_overrides("miniature[diffusion.steps=4]", ["diffusion.strength=0.30"])
    'miniature[diffusion.steps=4,diffusion.strength=0.3]'
    """
    suite, stated = split_name(name)
    return joined_name(suite, stated | _pairs(pairs))


def joined_name(suite: str, values: Mapping[str, Any]) -> str:
    """The inverse of :func:`split_name`, sorted, so that equal overrides have one name."""
    stated = ",".join(f"{name}={_text(values[name])}" for name in sorted(values))
    return f"{suite}[{stated}]" if stated else suite


def _pairs(pairs: Iterable[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        place, equals, value = pair.partition("=")
        if not (equals and ("." in place or place == LANE) and value):
            raise OptionError(f"--instrument is {pair!r}, expected ROLE.PARAMETER=VALUE, as diffusion.strength=0.3")
        if strange := next((one for one in ",[]" if one in value), ""):
            raise OptionError(f"--instrument is {pair!r}, whose value holds {strange!r}: write it into a suite's file")
        values[place] = value if place == LANE else parse_value(value)
        if not is_scalar(values[place]):
            raise OptionError(f"--instrument is {pair!r}, expected a text, a finite number, true or false after =")
    return values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

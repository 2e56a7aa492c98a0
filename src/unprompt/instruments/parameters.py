"""Numbers of a suite's file that several instruments take, checked. Imports no torch."""

from __future__ import annotations

from unprompt.errors import OptionError


def share(name: str, value: float) -> float:
    """``value``; :class:`OptionError` unless it is in [0, 1)."""
    if not 0 <= value < 1:
        raise OptionError(f"{name} must be in [0, 1), got {value}")
    return value


def search(beams: int, max_new_tokens: int, max_objects: int) -> dict[str, int]:
    """The numbers that a captioner's card states, ``max_objects`` unless it is 0; :class:`OptionError` if wrong."""
    if beams < 1 or max_new_tokens < 1:
        raise OptionError(f"beams and max_new_tokens must be at least 1, got {beams} and {max_new_tokens}")
    if max_objects < 0:
        raise OptionError(f"max_objects must be 0, for all that a caption names, or more, got {max_objects}")
    stated = {"beams": beams, "max_new_tokens": max_new_tokens}
    return stated | {"max_objects": max_objects} if max_objects else stated

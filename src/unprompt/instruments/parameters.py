"""Numbers of a suite's file that several instruments take, checked. Imports no torch."""

from __future__ import annotations

from unprompt.errors import OptionError


def share(name: str, value: float) -> float:
    """``value``; :class:`OptionError` unless it is in [0, 1)."""
    if not 0 <= value < 1:
        raise OptionError(f"{name} must be in [0, 1), got {value}")
    return value


def search(beams: int, max_new_tokens: int) -> dict[str, int]:
    """A captioner's two numbers as its card states them; :class:`OptionError` unless both are at least 1."""
    if beams < 1 or max_new_tokens < 1:
        raise OptionError(f"beams and max_new_tokens must be at least 1, got {beams} and {max_new_tokens}")
    return {"beams": beams, "max_new_tokens": max_new_tokens}

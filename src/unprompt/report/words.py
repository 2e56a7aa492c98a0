"""Words that pages and tables share."""

from __future__ import annotations

from typing import Final

from unprompt.types import Label

TRUTHS: Final[dict[Label, str]] = {1: "generated", 0: "real"}


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(2, "error")
    '2 errors'
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def views(number: int, pictures: int | None) -> str:
    """How many were judged, and of how many pictures where several views of each were.

    >>> views(12026, 1718), views(300, 300), views(300, None)
    ('12026 views of 1718', '300', '300')
    """
    return f"{number} views of {pictures}" if pictures and pictures < number else str(number)


def share(part: int, whole: int) -> str:
    """A part of a whole, in numbers and in percent.

    >>> share(2, 3)
    '2 of 3 (67%)'
    """
    return f"{part} of {whole} ({part / whole:.0%})"


def percent(probability: float) -> str:
    """A probability in words, which never says that something is certain.

    >>> percent(0.995), percent(0.003), percent(0.55)
    ('over 99 %', 'under 1 %', '55 %')
    """
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def printable(text: str) -> str:
    r"""``text`` with every character that could steer a terminal or turn the reading direction spelled out.

    >>> print(printable("a\x1b[2J\u202e.png"))
    a\x1b[2J\u202e.png
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

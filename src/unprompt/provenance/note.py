"""One thing that a file says of its origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 400
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class ProvenanceNote:
    """Where it stands in the file, what that means in plain words, and what is written there."""

    source: str
    """The standard or program that writes it: EXIF, IPTC, Content Credentials, PNG text, ..."""
    words: str
    value: str
    """As it is written, cut after ``LONGEST`` characters."""

    @classmethod
    def of(cls, source: str, words: str, value: str) -> ProvenanceNote:
        """With the value on one line, cut where it is long.

        >>> ProvenanceNote.of("EXIF", "a camera", " A   B").value
        'A B'
        """
        line = " ".join(value.split())
        return cls(source, words, line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…")

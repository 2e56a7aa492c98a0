"""IPTC's digital source type: what the maker of a file says that it is, from a fixed list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from unprompt.provenance.note import ProvenanceNote

WORDS: Final = {
    "digitalCapture": "taken with a camera",
    "computationalCapture": "taken with a camera that computes a picture from several",
    "negativeFilm": "scanned from a negative",
    "positiveFilm": "scanned from a slide",
    "print": "scanned from a print",
    "humanEdits": "edited by a person",
    "minorHumanEdits": "a photograph with small edits by a person",
    "compositeCapture": "put together from photographs",
    "algorithmicallyEnhanced": "a photograph improved by a program",
    "dataDrivenMedia": "drawn by a program from data",
    "digitalArt": "drawn by a person with a program",
    "digitalCreation": "made by a person with a program",
    "virtualRecording": "recorded in a virtual world",
    "screenCapture": "a screenshot",
    "composite": "put together from several sources",
    "compositeSynthetic": "put together, with parts that were made by a program",
    "compositeWithTrainedAlgorithmicMedia": "edited or completed with generative AI",
    "trainedAlgorithmicMedia": "made with generative AI",
    "algorithmicMedia": "made by a program without training data",
}
"""The controlled vocabulary, in plain words."""
_CODE: Final = re.compile(rb"cv\.iptc\.org/newscodes/digitalsourcetype/(\w{1,64})")


def source_type_notes(xmp: bytes) -> Iterator[ProvenanceNote]:
    """One note for each type that an XMP packet states.

    >>> packet = b'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"'
    >>> [note.words for note in source_type_notes(packet)]
    ['The file says of itself: made with generative AI']
    """
    for code in dict.fromkeys(one.decode() for one in _CODE.findall(xmp)):
        yield ProvenanceNote.of("IPTC", f"The file says of itself: {in_words(code)}", code)


def in_words(code: str) -> str:
    """A type in plain words."""
    return WORDS.get(code, "a kind of source that is not on the list known here")

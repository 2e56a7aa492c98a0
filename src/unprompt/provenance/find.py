"""A file's bytes -> what it says of its origin."""

from __future__ import annotations

from unprompt.provenance.containers import blocks_of
from unprompt.provenance.credentials import credential_notes
from unprompt.provenance.exif import exif_notes, user_comment
from unprompt.provenance.note import ProvenanceNote
from unprompt.provenance.parameters import parameter_notes
from unprompt.provenance.source_type import source_type_notes


def find_provenance(data: bytes) -> tuple[ProvenanceNote, ...]:
    """Content Credentials, the digital source type, generators' parameters and EXIF's camera, in this order.

    Nothing is fetched. No note says nothing: most programs and sites remove all of it.
    """
    blocks = blocks_of(data)
    return (
        *credential_notes(data),
        *source_type_notes(blocks.xmp),
        *parameter_notes(blocks.texts, user_comment(blocks.exif) if blocks.exif else ""),
        *(exif_notes(blocks.exif) if blocks.exif else ()),
    )

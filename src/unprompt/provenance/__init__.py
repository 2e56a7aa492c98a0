"""What a picture's file says of its own origin. Anybody can write or remove it: it enters no score."""

from unprompt.provenance.find import find_provenance
from unprompt.provenance.note import ProvenanceNote

__all__ = ["ProvenanceNote", "find_provenance"]

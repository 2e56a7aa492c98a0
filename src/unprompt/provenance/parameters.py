"""What programs that generate pictures write into their files: the prompt, the seed, the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from unprompt.provenance.note import ProvenanceNote

_PROGRAMS: Final = {
    "parameters": "a web interface of Stable Diffusion",
    "prompt": "ComfyUI",
    "workflow": "ComfyUI",
    "invokeai_metadata": "InvokeAI",
    "invokeai_graph": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "Dream": "InvokeAI",
    "fooocus_scheme": "Fooocus",
}
"""Keyword of a text -> who writes such ones."""
_TELLING: Final = re.compile(r"\bSteps: \d+, .*\b(?:Sampler|Seed|CFG scale): ", re.DOTALL)
_SOFTWARE: Final = re.compile(r"(?i)novelai|midjourney|firefly|dall.?e|stable.?diffusion|invokeai|comfyui|imagen")


def parameter_notes(texts: Mapping[str, str], comment: str) -> Iterator[ProvenanceNote]:
    """Notes from a PNG's texts, and from a comment in EXIF."""
    for keyword, text in texts.items():
        if keyword in _PROGRAMS and text:
            words = f"It holds what {_PROGRAMS[keyword]} writes into the pictures that it generates"
            yield ProvenanceNote.of(f"PNG text “{keyword}”", words, text)
        elif keyword in ("Software", "Source") and _SOFTWARE.search(text):
            yield ProvenanceNote.of(f"PNG text “{keyword}”", "It names a program that generates pictures", text)
    if _TELLING.search(comment):
        words = f"It holds what {_PROGRAMS['parameters']} writes into the pictures that it generates"
        yield ProvenanceNote.of("EXIF comment", words, comment)

"""Sentence vectors of many texts, each computed once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from operator import methodcaller
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from unprompt.instruments.unimodal import TextEncoder
from unprompt.store import write_aside
from unprompt.store.fingerprint import fingerprint

log = logging.getLogger(__name__)

CHUNK = 2048


class SentenceVectors:
    """Text -> its vector by a text encoder; what is in the cache is not computed again."""

    def __init__(self, texts: Iterable[str], encoder: TextEncoder, cache: Path) -> None:
        ordered = sorted(set(texts), key=lambda text: (len(text), text))
        self._places = {text: place for place, text in enumerate(ordered)}
        parts = []
        for start in range(0, len(ordered), CHUNK):
            parts.append(_vectors(ordered[start : start + CHUNK], encoder, cache / "sentences"))
            log.info(f"sentences: {min(start + CHUNK, len(ordered))} of {len(ordered)}")
        self._rows = np.concatenate(parts)

    def __getitem__(self, texts: Iterable[str]) -> npt.NDArray[np.float32]:
        """N x width."""
        return self._rows[[self._places[text] for text in texts]].astype(np.float32)


def _vectors(texts: list[str], encoder: TextEncoder, folder: Path) -> npt.NDArray[np.float16]:
    path = folder / f"{fingerprint(texts)}.safetensors"
    if not path.exists():
        write_aside(path, methodcaller("write", save({"vectors": encoder.embed(texts).astype(np.float16)})))
    rows: npt.NDArray[np.float16] = load_file(path)["vectors"]
    return rows

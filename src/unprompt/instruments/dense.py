"""Where a picture shows a phrase, from the places of a joint space alone: one forward pass, no detector.

Dense predictions out of patch tokens: Zhou et al., 2022 (MaskCLIP), https://arxiv.org/abs/2112.01071.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from unprompt.images import resize
from unprompt.instruments.aligned import AlignedEncoder
from unprompt.instruments.base import Grounder, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.parameters import share
from unprompt.types import RGB


class DenseGrounder(Grounder):
    """The region around the place where a picture is most like a phrase; its score is that likeness, from 0 to 1.

    The folder is the encoder's own: no weights are added. A phrase whose best place is less like it than ``threshold``
    (cosine) is not found; the region holds what lies within ``spread`` of the way from the mean place to the best one.
    """

    def __init__(
        self,
        origin: Origin,
        encoder: AlignedEncoder,
        threshold: float = 0.38,
        spread: float = 0.5,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        self.threshold, self._spread = share("threshold", threshold), share("spread", spread)
        super().__init__(origin, device, dtype, {"threshold": threshold, "spread": spread})
        self._encoder = encoder
        self.card = replace(self.card, parameters={**self.card.parameters, "encoder": encoder.card.digest})

    def _load(self) -> None:
        self._encoder.load()

    def _search(self, picture: RGB, phrases: Sequence[str]) -> Sequence[tuple[Vectors, Vectors]]:
        encoder = self._encoder
        [places] = encoder.places([resize(picture, encoder.side, encoder.side)])
        return [self._region(likeness) for likeness in likenesses(places, encoder.embed_texts(phrases))]

    def _region(self, likeness: Vectors) -> tuple[Vectors, Vectors]:
        """One box, as shares of the picture, and its score."""
        best = float(likeness.max())
        least = best - self._spread * (best - float(likeness.mean()))
        parts, _ = ndimage.label(likeness >= least)
        rows, columns = ndimage.find_objects(parts)[parts.flat[likeness.argmax()] - 1]
        high, wide = likeness.shape
        edges = columns.start / wide, rows.start / high, columns.stop / wide, rows.stop / high
        return np.array([edges], np.float32), np.array([min(max(best, 0.0), 1.0)], np.float32)


def likenesses(places: Vectors, texts: Vectors) -> Vectors:
    """n x grid x grid: cosine of each of n texts and each place of grid x grid x width."""
    unit = places / np.linalg.norm(places, axis=-1, keepdims=True)
    names = texts / np.linalg.norm(texts, axis=-1, keepdims=True)
    made: Vectors = np.einsum("hwd,nd->nhw", unit, names)
    return made

"""The projected embedding of a CLIP model's vision tower, where no text tower is at hand."""

from __future__ import annotations

from collections.abc import Sequence

from unprompt.errors import SuiteError
from unprompt.instruments.base import Encoder, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.unimodal import VisionEncoder
from unprompt.types import RGB


class ClipImageEncoder(Encoder):
    """I of CLIP(I, T) for methods that read pictures alone, by the suite's vision encoder; not normalised."""

    def __init__(self, origin: Origin, vision: VisionEncoder, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        self._vision, self.width, self.side = vision, vision.joint, vision.side

    def _load(self) -> None:
        self._vision.load()

    def _embed_pictures(self, pictures: Sequence[RGB]) -> Sequence[Vectors]:
        return [one.embedding for one in self._vision.tokens(pictures)]

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        raise SuiteError(
            f"{self!r} reads no texts, got {texts[0]!r:.80}: choose a method that reads pictures alone, such as univfd"
        )

"""Grounding DINO, phrases to boxes: Liu et al., 2023, https://arxiv.org/abs/2303.05499; MM: Zhao et al., 2401.02361.

It stands where TIDY and ITEM use GLIP (section 4.1, IV.A), which cannot be built against a present-day PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

from unprompt.images import resize
from unprompt.instruments.base import Grounder, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model, quietly
from unprompt.instruments.parameters import share
from unprompt.types import RGB

FLATTEST = 20
"""A picture with longer sides than this to one is stretched, so that no side shrinks to nothing."""


class GroundingDino(Grounder):
    """Any saved (MM-)Grounding DINO, asked for one phrase at a time: captions of many objects confuse it.

    A box's score is the highest of the phrase's words. Sizes and normalisation are those of the folder's processor.
    """

    def __init__(self, origin: Origin, threshold: float = 0.35, device: str = "cpu", dtype: str = "float32") -> None:
        self.threshold = share("threshold", threshold)
        super().__init__(origin, device, dtype, {"threshold": threshold})

    def _load(self) -> None:
        self._model = load_model(AutoModelForZeroShotObjectDetection, self.origin, self.device, self._dtype)
        self._processor = from_folder(AutoProcessor, self.origin)

    def _search(self, picture: RGB, phrases: Sequence[str]) -> Sequence[tuple[Vectors, Vectors]]:
        shown = _stretched(picture)
        return [self._look(shown, phrase) for phrase in phrases]

    def _look(self, picture: RGB, phrase: str) -> tuple[Vectors, Vectors]:
        with quietly():
            seen = self._processor(
                images=[picture], text=[[phrase]], return_tensors="pt", input_data_format="channels_last"
            ).to(self.device)
            seen["pixel_values"] = seen["pixel_values"].to(self._dtype)
            output = self._model(**seen)
            (found,) = self._processor.post_process_grounded_object_detection(
                output, seen["input_ids"], threshold=self.threshold, text_threshold=self.threshold
            )
        return found["boxes"].float().cpu().numpy(), found["scores"].float().cpu().numpy()


def _stretched(picture: RGB) -> RGB:
    """A ribbon made broader; edges in shares of the picture stay where they are."""
    height, width = picture.shape[:2]
    least = int(np.ceil(max(height, width) / FLATTEST))
    return resize(picture, max(width, least), max(height, least))

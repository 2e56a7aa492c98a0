"""RGB pictures to the normalised tensors of BLIP and CLIP, as the model's folder states it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from unprompt.errors import SuiteError
from unprompt.images import centre_square, fit_long, resize
from unprompt.structured_text import as_table, read_object
from unprompt.types import RGB

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def normalisation(
    folder: Path, mean: Sequence[float], std: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel from the folder's preprocessor file, else those that are given.

    SuiteError for a damaged file.
    """
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            return _stated(folder / name, mean, std)
    return tuple(mean), tuple(std)


def channels(values: object) -> tuple[float, ...]:
    """A number for each of the three channels; ValueError for anything else."""
    if (
        not isinstance(values, list | tuple)
        or len(values) != 3
        or not all(isinstance(one, int | float) for one in values)
    ):
        raise ValueError(f"got {values!r:.80}; expected three numbers, one a channel")
    return tuple(values)


def _stated(file: Path, mean: Sequence[float], std: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    try:
        stated = read_object(file)
        stated = as_table(stated.get("image_processor", stated))
        return channels(stated.get("image_mean", tuple(mean))), channels(stated.get("image_std", tuple(std)))
    except (OSError, ValueError) as error:
        raise SuiteError(f"{file} cannot be read ({error}): fetch the model again", path=file) from error


@dataclass(frozen=True)
class Normaliser:
    """Pictures of ``side`` x ``side``, (x / 255 - mean) / std by channel."""

    side: int
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD

    @classmethod
    def of(cls, folder: Path, side: int) -> Normaliser:
        """Mean and deviation from the folder's preprocessor file, CLIP's where it has none."""
        return cls(side, *normalisation(folder, CLIP_MEAN, CLIP_STD))

    def cropped(self, pictures: Sequence[RGB]) -> torch.Tensor:
        """Short side to ``side`` (bicubic), then the central square: N x 3 x side x side."""
        return self._tensor([centre_square(rgb, self.side) for rgb in pictures])

    def whole(self, pictures: Sequence[RGB]) -> torch.Tensor:
        """The whole picture stretched to the square (bicubic): N x 3 x side x side."""
        return self._tensor([resize(rgb, self.side, self.side) for rgb in pictures])

    def padded(self, picture: RGB) -> tuple[torch.Tensor, tuple[float, float]]:
        """Long side to ``side``, grey below and to the right: 1 x 3 x side x side, and the picture's share of both.

        The shares are of the width and the height.
        """
        small = fit_long(picture, self.side)
        height, width = small.shape[:2]
        square = np.full((self.side, self.side, 3), 128, np.uint8)
        square[:height, :width] = small
        return self._tensor([square]), (width / self.side, height / self.side)

    def _tensor(self, squares: Sequence[RGB]) -> torch.Tensor:
        pixels = np.stack(squares).astype(np.float32) / 255
        pixels = (pixels - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())

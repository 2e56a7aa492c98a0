"""Fusing: a ResNet-50 sees the whole picture and six patches that it looked at most, and attention joins what it saw.

Ju et al., 2022, https://arxiv.org/abs/2203.13964.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar, Final, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.geometry import window
from unprompt.detectors.methods.cnndet import blur_and_jpeg
from unprompt.detectors.towers import as_pixels
from unprompt.detectors.trunk import PixelDetector, Trunk, TrunkOptions
from unprompt.errors import OptionError
from unprompt.evidence.pixels import PixelEvidence
from unprompt.perturbations import Augmentation
from unprompt.types import RGB
from unprompt.validation import Count, Positive, checked

WINDOWS: Final = ((3, 1), (2, 2))
"""Cells a side of the window whose activation is summed, and how many times its patch goes into the crop's side."""
EACH: Final = 3
"""Patches of each size."""
WIDTH: Final = 128
"""Numbers of a token."""
HEADS: Final = 4
BLOCKS: Final = 3
STEPS: Final = 4096
"""Activations are compared in so many steps, so that rounding does not choose between places that are alike."""


@checked()
class FusingOptions(TrunkOptions):
    """Adam, rate 5e-5, batch 128, blur and JPEG each with chance 0.1, no crop: the authors' code."""

    batch: Count = 128
    rate: Positive = 5e-5
    resize: Count = 224
    augmentation: Augmentation = field(default_factory=lambda: blur_and_jpeg(0.1))
    """What training pictures go through before anything is cut."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.view != "crop":
            raise OptionError(
                f"--view is {self.view!r}, expected crop: fusing sees the central square, and patches of the whole"
            )


def proposals(cells: Tensor, sizes: Tensor, side: int) -> Tensor:
    """Where the network looked: N x 6 x 4 (top, left, bottom, right), in pixels of the picture.

    ``cells``, N x C x h x w, are what the trunk answered to the central square of pictures of ``sizes``, N x 2 (height,
    width). The greatest window comes first, and takes its neighbours from those that follow. A patch is ``side`` or
    half as many pixels wide, moved inwards where it would leave the picture, and cut where the picture is smaller.
    """
    rows, columns = cells.shape[2:]
    short = sizes.amin(1, keepdim=True)
    found = []
    for window_side, divisor in WINDOWS:
        scores = F.avg_pool2d(cells.sum(1, keepdim=True), window_side, stride=1)
        scores = (scores / scores.amax((2, 3), keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny) * STEPS).round()
        half = side // divisor // 2
        for _ in range(EACH):
            place = scores.flatten(1).argmax(1)
            cell = torch.stack([place // scores.shape[3], place % scores.shape[3]], 1)
            centre = (sizes - short) // 2 + short * (2 * cell + window_side) // (2 * cell.new_tensor([rows, columns]))
            start = torch.minimum(centre - half, sizes - 2 * half).clamp_min(0)
            found.append(torch.cat([start, torch.minimum(start + 2 * half, sizes)], 1))
            taken = F.one_hot(place, scores[0].numel()).view_as(scores).to(scores.dtype)
            scores = scores.masked_fill(F.max_pool2d(taken, 3, stride=1, padding=1) > 0, -1.0)
    return torch.stack(found, 1)


class FusingNetwork(nn.Module):
    """One trunk for all views, a token of 128 numbers for each, attention among them; that of the whole decides."""

    def __init__(self, trunk: Trunk, side: int) -> None:
        super().__init__()
        self.trunk, self.side = trunk, side
        self.token = nn.Linear(trunk.width, WIDTH)
        blocks = (nn.TransformerEncoderLayer(WIDTH, HEADS, WIDTH, 0.0, batch_first=True) for _ in range(BLOCKS))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, wholes: Tensor, pictures: Tensor, sizes: Tensor) -> Tensor:
        """N x 3 x S x S and N x 3 x H x W uint8, the pictures' sizes N x 2 -> N logits."""
        cells = self.trunk.net(self.trunk.normalised(wholes)).last_hidden_state
        patches = self._patches(pictures, proposals(cells.detach(), sizes, self.side))
        features = self.trunk.net(self.trunk.normalised(patches)).pooler_output.flatten(1)
        views = torch.cat([cells.mean((2, 3))[:, None], features.unflatten(0, (len(wholes), -1))], 1)
        return cast(Tensor, self.head(self.blocks(F.relu(self.token(views)))[:, 0]).squeeze(-1))

    def _patches(self, pictures: Tensor, boxes: Tensor) -> Tensor:
        """6 N x 3 x S x S float32 in [0, 255]."""
        size, cut = (self.side, self.side), []
        for picture, places in zip(pictures, boxes.tolist(), strict=True):
            for top, left, bottom, right in places:
                patch = picture[None, :, top:bottom, left:right].float()
                cut.append(F.interpolate(patch, size, mode="bilinear", align_corners=True))
        return torch.cat(cut)


class FusingDetector(PixelDetector):
    """Baseline Fusing: a ResNet-50 on the whole and on six patches, joined by attention."""

    method = "fusing"
    Options: ClassVar[type[TrunkOptions]] = FusingOptions

    def collate(self, evidence: Sequence[PixelEvidence], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        rgbs = [self.picture(one) if rng is None else self._changed(self.picture(one), rng) for one in evidence]
        wholes = as_pixels([window(rgb, self.options.resize, self.options.crop) for rgb in rgbs])
        return wholes, *padded(rgbs)

    def _changed(self, rgb: RGB, rng: np.random.Generator) -> RGB:
        """Blur, JPEG and mirror of the picture as it is."""
        sample = self.options.augmentation.draw(rng)
        changed = sample.photometric(rgb, sample.seed)
        return changed[:, ::-1] if sample.mirrored else changed

    def _build(self) -> FusingNetwork:
        return FusingNetwork(Trunk(self.suite, self.options), self.options.crop)


def padded(rgbs: Sequence[RGB]) -> tuple[Tensor, Tensor]:
    """Pictures of any sizes -> N x 3 x H x W uint8, black below and to the right of each, and their sizes, N x 2."""
    sizes = torch.tensor([rgb.shape[:2] for rgb in rgbs])
    height, width = sizes.amax(0).tolist()
    canvas = torch.zeros(len(rgbs), 3, height, width, dtype=torch.uint8)
    for place, rgb in zip(canvas, rgbs, strict=True):
        place[:, : rgb.shape[0], : rgb.shape[1]] = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)
    return canvas, sizes

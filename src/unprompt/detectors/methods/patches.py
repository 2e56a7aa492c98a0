"""Patches: several small networks on the residuals of native pixels, for photographs and without any instrument.

Ours, of known components: learned high-pass residuals (Bayar and Stamm, 2016), NPR (Tan et al., 2024,
https://arxiv.org/abs/2312.10461), and patches at native resolution, as a resize wipes out what a generator leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, cast

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.base import Detector, Floats
from unprompt.detectors.ensemble import Ensemble
from unprompt.detectors.npr_residual import residual
from unprompt.detectors.options import TrainedOptions
from unprompt.errors import OptionError
from unprompt.evidence.pixels import PixelEvidence, PixelExtractor
from unprompt.evidence.views import native
from unprompt.images import resize
from unprompt.perturbations import DegradationPipeline
from unprompt.types import RGB
from unprompt.validation import Count, NotNegative, Positive, Whole, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite

WIDTH: Final = 16
"""Channels of the first stage; the others have 2, 4 and 6 times as many."""
LEARNED: Final = 12
"""Learned residuals, beside the 3 of NPR."""
SPREAD: Final = 0.15
"""Size of a learned residual that becomes tanh(1)."""
GAIN: Final = 3.0
"""Of the NPR residual."""
LIGHT: Final = (0.9, 1.1)
"""Factor of each channel of a training patch."""
SMOOTHING: Final = 0.025
"""Share of each label that is given to the other one in training."""
SMALLEST: Final = 16
"""Pixels a side that leave the last stage more than one cell, over which it takes the deviation."""


@checked()
class PatchesOptions(TrainedOptions):
    """AdamW, rate 3e-3, weight decay 1e-2, batch 64, 60 epochs; six networks."""

    epochs: Count = 60
    batch: Count = 64
    rate: Positive = 3e-3
    weight_decay: NotNegative = 1e-2
    nets: Count = 6
    """Networks whose logits are averaged."""
    side: Count = 128
    """Side of the patches that are judged; a picture that is smaller is enlarged to it."""
    grid: Count = 4
    """Rows and columns of patches at most."""
    crop: Annotated[Whole, Field(ge=SMALLEST)] = 64
    """Side of the one patch of each picture in a training step."""
    augmentation: DegradationPipeline = field(default_factory=DegradationPipeline)
    """What training pictures go through."""

    def __post_init__(self) -> None:
        if self.side < self.crop:
            raise OptionError(f"--side is {self.side}, expected {self.crop} or more, as --crop")


def places(length: int, side: int, most: int) -> npt.NDArray[np.int64]:
    """Where patches start along a side: as many as fit, ``most`` at most, evenly from edge to edge; one is central.

    >>> places(256, 128, 4), places(1000, 128, 4), places(200, 128, 4)
    (array([  0, 128]), array([  0, 291, 581, 872]), array([36]))
    """
    count, last = min(most, length // side), max(0, length - side)
    return np.rint(np.linspace(0, last, count)).astype(np.int64) if count > 1 else np.array([last // 2])


def patches(rgb: RGB, side: int, most: int) -> list[RGB]:
    """Patches of side x side x 3, in rows; a side of the picture below ``side`` is enlarged to it, the other kept.

    Each is cut out first and enlarged afterwards, which comes to the same and makes no ribbon large.
    """
    height, width = rgb.shape[:2]
    rows, columns = (places(length, side, most).tolist() for length in (height, width))
    return [resize(rgb[top : top + side, left : left + side], side, side) for top in rows for left in columns]


def cut(rgb: RGB, least: int, crop: int, rng: np.random.Generator) -> RGB:
    """A random patch of crop x crop x 3, mirrored and transposed by half chances.

    A side of the picture under ``least`` is enlarged to that first.
    """
    height, width = (max(least, length) for length in rgb.shape[:2])
    enlarged = resize(rgb, width, height)
    top, left = (int(rng.integers(length - crop + 1)) for length in (height, width))
    patch = enlarged[top : top + crop, left : left + crop]
    mirrored, transposed = rng.random(2) < 0.5
    patch = patch[:, ::-1] if mirrored else patch
    return patch.transpose(1, 0, 2) if transposed else patch


def lit(drawn: Sequence[RGB], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """The network's inputs from one training patch a picture, each channel lighter or darker by its own factor."""
    factors = torch.from_numpy(rng.uniform(*LIGHT, (len(drawn), 3, 1, 1)).astype(np.float32))
    return _as_tensor(drawn) * factors, torch.ones(len(drawn), dtype=torch.int64)


def _stage(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class PatchNet(nn.Module):
    """Residuals, four small stages, and means and deviations of their outputs."""

    def __init__(self) -> None:
        super().__init__()
        w = WIDTH
        self.res = nn.Conv2d(3, LEARNED, 5, bias=False)
        self.a = nn.Sequential(_stage(LEARNED + 3, w), _stage(w, w))
        self.b = nn.Sequential(_stage(w, 2 * w, 2), _stage(2 * w, 2 * w))
        self.c = nn.Sequential(_stage(2 * w, 4 * w, 2), _stage(4 * w, 4 * w))
        self.d = nn.Sequential(_stage(4 * w, 6 * w, 2))
        self.f = nn.Linear(2 * w + 4 * w + 12 * w, 1)
        self.dr = nn.Dropout(0.3)

    def residuals(self, pixels: Tensor) -> Tensor:
        """P x 3 x S x S -> P x 15 x (S - 4) x (S - 4): learned ones, whose kernels sum to 0, and NPR's."""
        kernels = self.res.weight - self.res.weight.mean((2, 3), keepdim=True)
        learned = torch.tanh(F.conv2d(pixels, kernels) / SPREAD)
        return torch.cat([learned, GAIN * residual(pixels)[..., 2:-2, 2:-2]], 1)

    def pooled(self, pixels: Tensor) -> Tensor:
        """P x 288: mean and deviation of stage a, mean of c, mean and deviation of d."""
        a = self.a(self.residuals(pixels))
        c = self.c(self.b(a))
        d = self.d(c)
        return torch.cat([_mean(a), _deviation(a), _mean(c), _mean(d), _deviation(d)], 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """P x 3 x S x S in [0, 1] -> P logits."""
        return cast(Tensor, self.f(self.dr(self.pooled(pixels)))[:, 0])


def _mean(maps: Tensor) -> Tensor:
    return maps.mean((2, 3))


def _deviation(maps: Tensor) -> Tensor:
    return (maps.var((2, 3)) + 1e-5).sqrt()


class PatchNetwork(Ensemble):
    """The ensemble: each network's mean over the patches of a picture, and the mean of these."""

    def __init__(self, nets: int) -> None:
        super().__init__([PatchNet() for _ in range(nets)])

    def each(self, *inputs: Tensor) -> Tensor:
        """P x 3 x S x S patches in [0, 1], picture after picture, and N numbers of patches -> N x nets logits."""
        pixels, counts = inputs
        pixels = pixels.contiguous(memory_format=torch.channels_last)  # by an eighth faster on a CPU
        logits = torch.stack([net(pixels) for net in self.nets], 1)
        owner = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
        sums = logits.new_zeros(len(counts), len(self.nets)).index_add(0, owner, logits)
        return sums / counts[:, None]


class PatchesDetector(Detector[PixelEvidence, PatchesOptions]):
    """Ours, for photographs: six small networks on the residuals of patches at native resolution."""

    method = "patches"
    Options = PatchesOptions
    Evidence = PixelEvidence
    large_operations: ClassVar[bool] = True
    network: PatchNetwork

    @classmethod
    def sized_options(cls, suite: Suite) -> PatchesOptions:
        """Ours for photographs; where the suite's pictures are smaller, patches of their size."""
        if (fitting := cls.picture_side(suite)) is None:
            return PatchesOptions()
        side = max(SMALLEST, min(128, fitting))
        return PatchesOptions(side=side, crop=max(SMALLEST, side // 2))

    @classmethod
    def evidence_of(cls, options: PatchesOptions) -> PixelExtractor:
        return PixelExtractor(cls.method)

    def _build(self) -> PatchNetwork:
        return PatchNetwork(self.options.nets)

    def collate(self, evidence: Sequence[PixelEvidence], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        """All patches of all pictures, and how many each has; in training one of each degraded picture."""
        if rng is None:
            grids = [patches(native(one.picture), self.options.side, self.options.grid) for one in evidence]
            return _as_tensor([patch for grid in grids for patch in grid]), torch.tensor([len(grid) for grid in grids])
        return lit([self._patch(one, rng) for one in evidence], rng)

    def _patch(self, one: PixelEvidence, rng: np.random.Generator) -> RGB:
        degraded = self.options.augmentation.apply(native(one.picture), one.lossless, rng)
        return cut(degraded, self.options.side, self.options.crop, rng)

    def loss(self, inputs: Sequence[Tensor], target: Tensor) -> Tensor:
        """Mean over the networks of the cross-entropy of each with targets .975 and .025: each learns by itself."""
        return self.network.separate_loss(inputs, target, SMOOTHING)

    def logits(self, evidence: Sequence[PixelEvidence]) -> Floats:
        self.check(evidence)
        return self.answers(self.collate([one]) for one in evidence)  # 16 patches at once are enough for the memory


def _as_tensor(squares: Sequence[RGB]) -> Tensor:
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 255

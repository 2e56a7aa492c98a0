"""StyleGAN's discriminator, which LGrad's authors take for M: Karras et al., 2019, https://arxiv.org/abs/1812.04948.

It is ProGAN's, https://arxiv.org/abs/1710.10196, with feature maps that are blurred before they are halved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.errors import SuiteError
from unprompt.instruments.cards import Origin
from unprompt.instruments.discriminator import Discriminator
from unprompt.instruments.loading import filled, load_part, read_weights
from unprompt.instruments.preprocessing import Normaliser
from unprompt.structured_text import read_object

PUBLISHED: Final = {"resolution": 256, "fmap_base": 16384, "fmap_max": 512}
"""Sizes of the discriminators of 256 x 256 pixels, of bedrooms, cats and cars."""
GROUP: Final = 4
"""Pictures whose spread is a feature of each of them."""


class EqualisedLayer(nn.Module):
    """A convolution, or a linear layer where ``side`` is 0, whose weights are stored at unit variance: equalised."""

    def __init__(self, inwards: int, outwards: int, side: int = 0, gain: float = math.sqrt(2)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outwards, inwards, *([side, side] if side else [])))
        self.bias = nn.Parameter(torch.zeros(outwards))
        self.scale = gain / math.sqrt(self.weight[0].numel())

    def forward(self, x: Tensor, halved: bool = False) -> Tensor:
        """N x C x H x W or N x C; ``halved``: blurred by [1, 2, 1] / 4 along each side before, pooled 2 x 2 after."""
        weight, bias = self.weight * self.scale, self.bias
        if weight.ndim == 2:
            return F.linear(x, weight, bias)
        if not halved:
            return F.conv2d(x, weight, bias, padding="same")
        return F.avg_pool2d(F.conv2d(blurred(x), weight, padding="same"), 2) + bias[:, None, None]


class StyleGanJudge(nn.Module):
    """N x 3 x resolution x resolution in [-1, 1] -> N x 1, by min(fmap_base / r, fmap_max) maps of r x r cells.

    Parameters are named as in the public PyTorch port of the weights (genforce).
    """

    def __init__(self, resolution: int, fmap_base: int, fmap_max: int) -> None:
        super().__init__()
        sides = [resolution >> step for step in range(resolution.bit_length() - 2)]
        widths = [min(fmap_base // side, fmap_max) for side in (*sides, 2)]
        self.input0 = EqualisedLayer(3, widths[0], 1)
        layers: list[EqualisedLayer] = []
        for inwards, outwards in pairwise(widths[:-1]):
            layers += [EqualisedLayer(inwards, inwards, 3), EqualisedLayer(inwards, outwards, 3)]
        last = widths[-2]
        layers += [
            EqualisedLayer(last + 1, last, 3),
            EqualisedLayer(16 * last, widths[-1]),
            EqualisedLayer(widths[-1], 1, gain=1),
        ]
        self.count = len(layers)
        for place, layer in enumerate(layers):
            self.add_module(f"layer{place}", layer)

    def forward(self, pictures: Tensor) -> Tensor:
        """The higher, the more like the pictures that it learned as real."""
        *blocks, conv, dense, last = (self.get_submodule(f"layer{place}") for place in range(self.count))
        x = F.leaky_relu(self.input0(pictures), 0.2)
        for place, layer in enumerate(blocks):
            x = F.leaky_relu(layer(x, halved=place % 2 == 1), 0.2)
        x = F.leaky_relu(conv(with_spread(x)), 0.2)
        score: Tensor = last(F.leaky_relu(dense(x.flatten(1)), 0.2))
        return score


class StyleGanDiscriminator(Discriminator):
    """StyleGAN's or any of its form: ``config.json`` says its sizes, the published ones of 256 pixels without it."""

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        self._sizes = load_part(lambda: _sizes(origin), origin)
        self.side = self._sizes["resolution"]
        self.normaliser = Normaliser(self.side, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def _load(self) -> None:
        weights = read_weights(self.origin.folder, self.origin)
        network = load_part(lambda: StyleGanJudge(**self._sizes), self.origin)
        self._model = filled(network, weights, self.origin).to(self.device, self._dtype)

    def answers(self, pixels: Tensor) -> Tensor:
        score: Tensor = self.model(pixels)
        return score


def blurred(x: Tensor) -> Tensor:
    """N x C x H x W, convolved with [1, 2, 1] / 4 along both sides."""
    row = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = (row[:, None] * row).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


def with_spread(x: Tensor) -> Tensor:
    """N x C x H x W -> one map more: the mean deviation within groups of four pictures, or of fewer (ProGAN)."""
    group = math.gcd(GROUP, len(x))
    grouped = x.view(group, -1, *x.shape[1:])
    spread = (grouped.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3), keepdim=True)
    return torch.cat([x, spread.repeat(group, 1, *x.shape[2:])], 1)


def _sizes(origin: Origin) -> Mapping[str, int]:
    file = origin.folder / "config.json"
    stated: Mapping[str, Any] = read_object(file) if file.is_file() else PUBLISHED
    if set(stated) != set(PUBLISHED) or any(not isinstance(one, int) or one < 1 for one in stated.values()):
        raise SuiteError(f"{file} states {dict(stated)}, expected whole numbers above 0 for {', '.join(PUBLISHED)}")
    if (side := stated["resolution"]) < 8 or side & (side - 1):
        raise SuiteError(f"{file} states resolution {side}, expected a power of two from 8")
    return stated

"""GramNet: a ResNet-18 beside six branches that see texture as Gram matrices, which keep no positions.

Liu et al., 2020, https://arxiv.org/abs/2002.00133.
"""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.resnet import ResNetSizes
from unprompt.detectors.trunk import PixelDetector, Trunk, TrunkOptions
from unprompt.validation import Count, NotNegative, Positive, checked

CHANNELS = 32
"""Of the maps that a Gram matrix is made of, and of a branch's feature."""


def gram(maps: Tensor) -> Tensor:
    """G_ij = sum over places of F_i F_j, divided by C H W as the authors do: N x C x H x W -> N x C x C."""
    rows = maps.flatten(2)
    return rows @ rows.transpose(1, 2) / rows[0].numel()


@checked()
class GramnetOptions(TrunkOptions):
    """Adam, rate 1e-5, weight decay 1e-4, batch 16, 5 epochs, 512 pixels: the authors' code."""

    epochs: Count = 5
    batch: Count = 16
    rate: Positive = 1e-5
    weight_decay: NotNegative = 1e-4
    resize: Count = 512
    crop: Count = 512


def _step(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class GramBranch(nn.Module):
    """32 maps of a layer, their Gram matrix as a picture, two convolutions, mean: N x C x H x W -> N x 32."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.maps = _step(channels, CHANNELS)
        self.read = nn.Sequential(_step(1, CHANNELS // 2, 2), _step(CHANNELS // 2, CHANNELS, 2))

    def forward(self, layer: Tensor) -> Tensor:
        return cast(Tensor, self.read(gram(self.maps(layer))[:, None]).mean((2, 3)))


class GramnetNetwork(nn.Module):
    """The trunk's feature beside a branch at the input, the stem, its pooling and every stage but the last."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        sizes = trunk.net.config
        channels = (3, sizes.embedding_size, sizes.embedding_size, *sizes.hidden_sizes[:-1])
        self.branches = nn.ModuleList(GramBranch(one) for one in channels)
        self.scale = nn.Parameter(torch.ones(1))
        self.first = nn.Linear(trunk.width + CHANNELS * len(channels), 512)
        self.second = nn.Linear(512, 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, pixels: Tensor) -> Tensor:
        """N x 3 x H x W uint8 -> N logits."""
        net = self.trunk.net
        layers = [self.trunk.normalised(pixels)]
        for module in (net.embedder.embedder, net.embedder.pooler, *net.encoder.stages):
            layers.append(module(layers[-1]))
        texture = [branch(layer) * self.scale for branch, layer in zip(self.branches, layers[:-1], strict=True)]
        joined = torch.cat([layers[-1].mean((2, 3)), *texture], dim=1)
        return cast(Tensor, self.second(self.dropout(F.relu(self.first(joined)))).squeeze(-1))


class GramnetDetector(PixelDetector):
    """Baseline GramNet: a ResNet-18 with Gram matrices of its layers, which see texture alone."""

    method = "gramnet"
    Options: ClassVar[type[TrunkOptions]] = GramnetOptions
    sizes = ResNetSizes.resnet18()

    def _build(self) -> GramnetNetwork:
        return GramnetNetwork(Trunk(self.suite, self.options))

"""Networks pretrained on ImageNet, which baselines start from.

ResNet: He et al., 2015, https://arxiv.org/abs/1512.03385; ConvNeXt: Liu et al., 2022, https://arxiv.org/abs/2201.03545;
Swin: Liu et al., 2021, https://arxiv.org/abs/2103.14030.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor
from transformers import ConvNextConfig, ConvNextModel, ResNetConfig, ResNetModel, SwinConfig, SwinModel

from unprompt.errors import SuiteError
from unprompt.instruments.base import Backbone
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import filled, from_folder, load_model, load_part, read_weights
from unprompt.instruments.preprocessing import channels, normalisation
from unprompt.structured_text import read_object

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)

_BASIC: Final = {"layer_type": "basic", "hidden_sizes": [64, 128, 256, 512]}
TIMM: Final[dict[str, dict[str, Any]]] = {
    "resnet18": {**_BASIC, "depths": [2, 2, 2, 2]},
    "resnet34": {**_BASIC, "depths": [3, 4, 6, 3]},
    "resnet50": {"depths": [3, 4, 6, 3]},
    "resnet101": {"depths": [3, 4, 23, 3]},
}
"""Architectures of timm that are the same network as one of transformers -> its configuration."""

_BLOCK: Final = re.compile(r"layer(\d+)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.(\d))\.(\w+)")
_PART: Final = {"conv": "convolution", "bn": "normalization", "0": "convolution", "1": "normalization"}


class ResNetBackbone(Backbone):
    """Any saved ``ResNetModel``, or a ResNet of timm's hub (``timm/resnet50.tv_in1k``), without the package timm."""

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        stated = load_part(lambda: read_object(origin.folder / "config.json"), origin)
        self._timm = "architecture" in stated
        self._config = timm_config(origin, stated) if self._timm else from_folder(ResNetConfig, origin)
        self.width = self._config.hidden_sizes[-1]
        first = 8 if self._config.downsample_in_first_stage else 4
        self.stride = first << (len(self._config.hidden_sizes) - 1)
        """Pixels a side of a cell of the last stage."""
        mean, std = load_part(lambda: stated_channels(stated.get("pretrained_cfg", {})), origin)
        self.mean, self.std = normalisation(origin.folder, mean, std)

    def _load(self) -> None:
        if not self._timm:
            self._model = load_model(ResNetModel, self.origin, self.device, self._dtype)
            return
        weights = from_torchvision(read_weights(self.origin.folder, self.origin))
        self._model = filled(ResNetModel(self._config), weights, self.origin).to(self.device, self._dtype)


class ConvNextBackbone(Backbone):
    """Any saved ``ConvNextModel``."""

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        self.width = from_folder(ConvNextConfig, origin).hidden_sizes[-1]
        self.mean, self.std = normalisation(origin.folder, IMAGENET_MEAN, IMAGENET_STD)

    def _load(self) -> None:
        self._model = load_model(ConvNextModel, self.origin, self.device, self._dtype)


class SwinBackbone(Backbone):
    """Any saved ``SwinModel``."""

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        self.width = from_folder(SwinConfig, origin).hidden_size
        self.mean, self.std = normalisation(origin.folder, IMAGENET_MEAN, IMAGENET_STD)

    def _load(self) -> None:
        self._model = load_model(SwinModel, self.origin, self.device, self._dtype)


def timm_config(origin: Origin, stated: Mapping[str, Any]) -> Any:
    """The configuration of transformers for a ResNet of timm's hub; SuiteError for one that is another network."""
    if (architecture := str(stated["architecture"])) not in TIMM:
        raise SuiteError(
            f"model {origin.name!r} in {origin.folder} is a {architecture!r} of timm, expected one of "
            f"{', '.join(TIMM)}: choose one of these, or a ResNet that transformers saved"
        )
    return ResNetConfig(**TIMM[architecture])


def stated_channels(stated: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel as timm's file states them, else ImageNet's; ValueError for others."""
    return channels(stated.get("mean", IMAGENET_MEAN)), channels(stated.get("std", IMAGENET_STD))


def from_torchvision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """ResNet weights by the names of torchvision and timm -> by those of ``ResNetModel``; others keep their names.

    >>> import torch
    >>> list(from_torchvision({"layer1.0.downsample.1.bias": torch.zeros(1), "fc.bias": torch.zeros(1)}))
    ['encoder.stages.0.layers.0.shortcut.normalization.bias', 'fc.bias']
    """
    return {_renamed(name): tensor for name, tensor in tensors.items()}


def _renamed(name: str) -> str:
    kind, _, rest = name.partition(".")
    if kind in ("conv1", "bn1"):
        return f"embedder.embedder.{_PART[kind[:-1]]}.{rest}"
    if (found := _BLOCK.fullmatch(name)) is None:
        return name
    stage, block, part, number, shortcut, weight = found.groups()
    place = f"encoder.stages.{int(stage) - 1}.layers.{block}"
    if shortcut is not None:
        return f"{place}.shortcut.{_PART[shortcut]}.{weight}"
    return f"{place}.layer.{int(number) - 1}.{_PART[part]}.{weight}"

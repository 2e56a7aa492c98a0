"""CLIP's vision tower alone, layer by layer: Radford et al., 2021, https://arxiv.org/abs/2103.00020."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch

from unprompt.errors import SuiteError
from unprompt.instruments.base import Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import filled, read_weights
from unprompt.instruments.preprocessing import Normaliser
from unprompt.instruments.unimodal import VisionEncoder, VisualTokens
from unprompt.instruments.vision_tower import TowerConfig, VisionTower
from unprompt.structured_text import read_object
from unprompt.types import RGB


class ClipVision(VisionEncoder):
    """The tower of any saved ``CLIPVisionModelWithProjection``, or of a whole ``CLIPModel``."""

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        self._config = config = _config(origin)
        self.side, self.depth, self.width = config.image_size, config.num_hidden_layers, config.hidden_size
        self.grid, self.joint = config.image_size // config.patch_size, config.projection_dim
        self._normalise = Normaliser.of(origin.folder, self.side)

    def _load(self) -> None:
        weights = read_weights(self.origin.folder, self.origin)
        with torch.device("meta"):  # without numbers of its own, which the file's would replace
            empty = VisionTower(self._config)
        self._model = filled(empty, weights, self.origin).to(self.device, self._dtype)

    def _look(self, crops: Sequence[RGB], layers: Sequence[int]) -> list[VisualTokens]:
        pixels = self._normalise.cropped(crops).to(self.device, self._dtype)
        cls, tokens, embedding = self._model(pixels, layers)
        patches = torch.stack(tokens, dim=1) if layers else torch.zeros(len(crops), 0, self.grid**2, self.width)
        grids = _array(patches.unflatten(2, (self.grid, self.grid)))
        return [VisualTokens(*made) for made in zip(_array(cls), grids, _array(embedding), strict=True)]


def _config(origin: Origin) -> TowerConfig:
    file = origin.folder / "config.json"
    try:
        return TowerConfig.of(read_object(file))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SuiteError(
            f"model {origin.name!r} cannot be loaded from {origin.folder}: {file.name}: {error}; fetch it again"
        ) from error


def _array(tensor: torch.Tensor) -> Vectors:
    return cast(Vectors, tensor.float().cpu().numpy())

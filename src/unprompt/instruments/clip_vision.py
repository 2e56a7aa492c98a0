"""CLIP's vision tower alone, layer by layer: Radford et al., 2021, https://arxiv.org/abs/2103.00020."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from unprompt.instruments.base import Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model
from unprompt.instruments.preprocessing import Normaliser
from unprompt.instruments.unimodal import VisionEncoder, VisualTokens
from unprompt.types import RGB


class ClipVision(VisionEncoder):
    """The tower of any saved ``CLIPVisionModelWithProjection``, or of a whole ``CLIPModel``."""

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        config = from_folder(CLIPVisionConfig, origin)
        self.side, self.depth, self.width = config.image_size, config.num_hidden_layers, config.hidden_size
        self.grid, self.joint = config.image_size // config.patch_size, config.projection_dim
        self._normalise = Normaliser.of(origin.folder, self.side)

    def _load(self) -> None:
        self._model = load_model(CLIPVisionModelWithProjection, self.origin, self.device, self._dtype)

    def _look(self, crops: Sequence[RGB], layers: Sequence[int]) -> list[VisualTokens]:
        pixels = self._normalise.cropped(crops).to(self.device, self._dtype)
        seen = self._model(pixel_values=pixels, output_hidden_states=True)
        cls = _array(torch.stack([states[:, 0] for states in seen.hidden_states], dim=1))
        patches = torch.zeros(len(crops), 0, self.grid**2, self.width)
        if layers:
            patches = torch.stack([seen.hidden_states[layer][:, 1:] for layer in layers], dim=1)
        grids = _array(patches.unflatten(2, (self.grid, self.grid)))
        return [VisualTokens(*made) for made in zip(cls, grids, _array(seen.image_embeds), strict=True)]


def _array(tensor: torch.Tensor) -> Vectors:
    return cast(Vectors, tensor.float().cpu().numpy())

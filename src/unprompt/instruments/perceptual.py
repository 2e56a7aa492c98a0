"""A perceptual distance on CLIP's picture tower, in the form of LPIPS: Zhang et al., 2018, arXiv 1801.03924."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import normalize
from transformers import CLIPVisionConfig, CLIPVisionModel

from unprompt.instruments.base import Perceptual
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model
from unprompt.instruments.preprocessing import Normaliser
from unprompt.types import RGB


class ClipPerceptual(Perceptual):
    """d(x, y) = sum over layers l of the mean over grid cells of |f_l(x) - f_l(y)|^2, f of unit length in each cell.

    The layers are those at a third, two thirds and the end of the tower's depth; the class token is left out, and
    all layers and channels weigh the same (LPIPS equation 1 with w = 1). 0 for equal pictures, at most 4 a layer.
    Pictures are stretched whole to the model's square. Loads the picture tower of any saved ``CLIPModel``.
    """

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        config = from_folder(CLIPVisionConfig, origin)
        self.layers = tuple(sorted({-(-config.num_hidden_layers * third // 3) for third in (1, 2, 3)}))
        super().__init__(origin, device, dtype, {"layers": ",".join(map(str, self.layers))})
        self._normalise = Normaliser.of(origin.folder, config.image_size)

    def _load(self) -> None:
        self._model = load_model(CLIPVisionModel, self.origin, self.device, self._dtype)

    def _distance(self, pairs: Sequence[tuple[RGB, RGB]]) -> Sequence[float]:
        # Two passes of one shape: equal pictures then meet the same arithmetic and come out exactly 0 apart.
        left, right = (self._features(side) for side in zip(*pairs, strict=True))
        total = sum((f - g).square().sum(-1).mean(-1) for f, g in zip(left, right, strict=True))
        assert isinstance(total, torch.Tensor)
        distances: list[float] = total.tolist()
        return distances

    def _features(self, pictures: Sequence[RGB]) -> list[torch.Tensor]:
        """Unit features of each layer: N x cells x channels."""
        pixels = self._normalise.whole(pictures).to(self.device, self._dtype)
        states = self._model(pixel_values=pixels, output_hidden_states=True).hidden_states
        return [normalize(states[layer][:, 1:].float(), dim=-1) for layer in self.layers]

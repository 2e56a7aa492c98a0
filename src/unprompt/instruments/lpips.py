"""LPIPS on AlexNet, the perceptual distance of SARE's equation 7: Zhang et al., 2018, https://arxiv.org/abs/1801.03924."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from unprompt.images import resize
from unprompt.instruments.base import Perceptual
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import filled, import_extra, load_part
from unprompt.types import RGB

WEIGHTS = "model.safetensors"
LEAST = 64
"""Shorter sides in pixels are enlarged to this: AlexNet's strides leave nothing of less."""

_SLICES = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}
"""Convolution of torchvision's AlexNet -> slice of the lpips package that holds it."""


class LpipsPerceptual(Perceptual):
    """LPIPS 0.1 of the package ``lpips``: torchvision's AlexNet from the folder, linear weights from the package.

    d(x, y) = sum over layers of the mean over cells of w (f(x) - f(y))^2, f of unit length in each cell; x and y in
    [-1, 1] at their own size. Needs the extra ``lpips``.
    """

    files = (WEIGHTS,)
    batch_size = 1  # Pairs have sizes of their own.

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        self._package = import_extra("lpips", "lpips", "LPIPS")
        super().__init__(origin, device, dtype, {"net": "alex", "package": version("lpips")})

    def _load(self) -> None:
        self._model = load_part(lambda: _built(self._package, self.origin), self.origin)
        self._model.to(self.device, self._dtype)

    def _distance(self, pairs: Sequence[tuple[RGB, RGB]]) -> Sequence[float]:
        return [float(self._model(self._tensor(left), self._tensor(right))) for left, right in pairs]

    def _tensor(self, rgb: RGB) -> torch.Tensor:
        height, width = (max(side, LEAST) for side in rgb.shape[:2])
        pixels = resize(rgb, width, height).astype(np.float32) / 127.5 - 1
        return torch.from_numpy(pixels.transpose(2, 0, 1)[None]).to(self.device, self._dtype)


def _built(package: Any, origin: Origin) -> Any:
    """The network with every parameter from one of the two files."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # It calls torchvision by names of an older edition.
        model = package.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)
    linear = Path(package.__file__).parent / "weights" / "v0.1" / "alex.pth"
    weights = dict(model.named_buffers()) | torch.load(linear, map_location="cpu", weights_only=True)
    trunk = load_file(origin.folder / WEIGHTS)
    for layer, piece in _SLICES.items():
        for name in ("weight", "bias"):
            weights[f"net.slice{piece}.{layer}.{name}"] = trunk[f"features.{layer}.{name}"]
    return filled(model, weights, origin)

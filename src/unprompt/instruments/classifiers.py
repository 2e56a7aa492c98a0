"""Classifiers as LGrad's M: a ResNet with its last layer. He et al., 2015, https://arxiv.org/abs/1512.03385."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from transformers import ResNetForImageClassification

from unprompt.errors import OptionError
from unprompt.instruments.backbones import from_torchvision, stated_channels, timm_config
from unprompt.instruments.cards import Origin
from unprompt.instruments.discriminator import Discriminator
from unprompt.instruments.loading import filled, load_model, load_part, read_weights
from unprompt.instruments.preprocessing import Normaliser, normalisation
from unprompt.structured_text import read_object


class ResNetClassifier(Discriminator):
    """Any saved ``ResNetForImageClassification``, or a ResNet of timm's hub with its 1000 classes; M is its logits.

    ``side``: height and width in pixels at which a picture is judged.
    """

    def __init__(self, origin: Origin, side: int = 256, device: str = "cpu", dtype: str = "float32") -> None:
        if side < 32:
            raise OptionError(f"side must be at least 32, got {side}")
        super().__init__(origin, device, dtype, {"side": side})
        self.side = side
        stated = load_part(lambda: read_object(origin.folder / "config.json"), origin)
        self._config = timm_config(origin, stated) if "architecture" in stated else None
        mean, std = load_part(lambda: stated_channels(stated.get("pretrained_cfg", {})), origin)
        self.normaliser = Normaliser(side, *normalisation(origin.folder, mean, std))

    def _load(self) -> None:
        if self._config is None:
            self._model = load_model(ResNetForImageClassification, self.origin, self.device, self._dtype)
            return
        weights = _renamed(read_weights(self.origin.folder, self.origin))
        self._config.num_labels = len(weights.get("classifier.1.bias", [0]))
        network = ResNetForImageClassification(self._config)
        self._model = filled(network, weights, self.origin).to(self.device, self._dtype)

    def answers(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(pixels).logits
        return logits


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By the names of torchvision and timm -> by those of ``ResNetForImageClassification``."""
    own: dict[str, Tensor] = {}
    for name, tensor in from_torchvision(tensors).items():
        own[f"classifier.1.{name[3:]}" if name.startswith("fc.") else f"resnet.{name}"] = tensor
    return own

"""CLIP's image and text encoders as modules that can be learned: copies, so that the suite's own stay frozen."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from unprompt.choices import Preprocess
from unprompt.errors import SuiteError
from unprompt.instruments.base import Encoder
from unprompt.types import RGB

if TYPE_CHECKING:
    from transformers import CLIPModel

_LAST = ("post_layernorm", "final_layer_norm")
"""What follows the layers of an image and of a text tower of transformers."""


@runtime_checkable
class HasVisionTower(Protocol):
    """An encoder that shows its image tower and its normalisation."""

    side: int
    mean: Sequence[float]
    std: Sequence[float]

    def tower(self) -> tuple[nn.Module, nn.Module]:
        """What reads N x 3 x side x side, and what carries its pooled feature to the joint space; both frozen."""


def check_preprocess(encoder: Encoder, preprocess: Preprocess) -> None:
    """:class:`SuiteError` for a native crop where the encoder does not say of what size. Loads no weights."""
    if preprocess == "crop" and not encoder.side:
        raise SuiteError(
            f"preprocess is 'crop', but the suite's encoder {encoder!r} does not say how many pixels a side it takes: "
            "choose preprocess=resize, or another suite"
        )


@runtime_checkable
class ClipLike(HasVisionTower, Protocol):
    """One whose tower is a vision transformer of transformers, layer by layer."""

    model: CLIPModel


def require_vision_tower(encoder: Encoder) -> HasVisionTower:
    """The encoder, known to have an image tower that can be learned; :class:`SuiteError` otherwise."""
    if not isinstance(encoder, HasVisionTower):
        raise SuiteError(
            f"the suite's encoder is {encoder!r}, expected a CLIP model whose image tower can be learned: "
            "choose another suite, or one of the methods tidy and item"
        )
    return encoder


def require_clip(encoder: Encoder) -> ClipLike:
    """The encoder, known to be a CLIP model of transformers; :class:`SuiteError` otherwise."""
    if not isinstance(encoder, ClipLike):
        raise SuiteError(
            f"the suite's encoder is {encoder!r}, expected a CLIP model of transformers, whose layers can be read: "
            'choose another suite, or give this one an encoder with class = "clip"'
        )
    return encoder


@runtime_checkable
class HasTextTower(Protocol):
    """An encoder that shows its text tower and how it spells a text."""

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """N x context token ids and attention mask."""

    def reader(self) -> tuple[nn.Module, nn.Module]:
        """What reads ids and mask, and what carries its pooled feature to the joint space; both frozen."""


def require_text_tower(encoder: Encoder) -> HasTextTower:
    """The encoder, known to have a text tower that can be learned; :class:`SuiteError` otherwise."""
    if not isinstance(encoder, HasTextTower):
        raise SuiteError(
            f"the suite's encoder is {encoder!r}, expected a CLIP model whose text tower can be learned too: "
            "choose another suite"
        )
    return encoder


def check_towers(encoder: Encoder, layers: int, text: bool = False) -> None:
    """:class:`SuiteError` unless the encoder's image tower can be learned, with ``text`` its text tower too.

    Of either the last ``layers`` transformer layers; 0 = the whole tower. From its configuration alone.
    """
    require_vision_tower(encoder)
    _check_layers(encoder, "image", layers, encoder.vision_layers)
    if text:
        require_text_tower(encoder)
        _check_layers(encoder, "text", layers, encoder.text_layers)


def _check_layers(encoder: Encoder, tower: str, layers: int, present: int) -> None:
    if layers > present:
        raise SuiteError(
            f"--layers is {layers}, but the {tower} tower of {encoder!r} has {present or 'no'} transformer layers "
            "that can be learned one by one: choose fewer, or 0 to learn the whole tower"
        )


class ImageTower(nn.Module):
    """N x 3 x S x S uint8 -> N x d, not normalised: vision tower, pooled feature, projection.

    One that is not ``learned`` stays in evaluation mode, and keeps nothing for gradients.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: Encoder, layers: int = 0, learned: bool = True) -> None:
        super().__init__()
        source = require_vision_tower(encoder)
        self.side, self.width, self.learned = source.side, encoder.width, learned
        self.vision, self.projection = (copied(module) for module in source.tower())
        freeze(self.vision, layers)
        if not learned:
            self.requires_grad_(False)
        self.register_buffer("mean", torch.tensor(source.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(source.std).view(3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> Self:
        return super().train(mode and self.learned)

    def forward(self, pixels: Tensor) -> Tensor:
        with torch.set_grad_enabled(self.learned and torch.is_grad_enabled()):
            output = self.vision((pixels.float() / 255 - self.mean) / self.std)
            return cast(Tensor, self.projection(getattr(output, "pooler_output", output)))


class TextTower(nn.Module):
    """N x context ids and mask -> N x d, not normalised: text tower, pooled feature, projection."""

    def __init__(self, encoder: Encoder, layers: int = 0) -> None:
        super().__init__()
        self.text, self.projection = (copied(module) for module in require_text_tower(encoder).reader())
        freeze(self.text, layers)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        output = self.text(ids, mask)
        return cast(Tensor, self.projection(getattr(output, "pooler_output", output)))


def freeze(tower: nn.Module, layers: int) -> None:
    """Leave all but the last ``layers`` transformer layers, and what follows them, as the suite's encoder has them.

    0 freezes nothing. :class:`SuiteError` for a tower of another kind, or with fewer layers.
    """
    if not layers:
        return
    stack = getattr(getattr(tower, "encoder", None), "layers", None)
    if not isinstance(stack, nn.ModuleList) or len(stack) < layers:
        present = len(stack) if isinstance(stack, nn.ModuleList) else "no"
        raise SuiteError(
            f"--layers is {layers}, but the encoder's {type(tower).__name__} has {present} transformer layers: "
            "choose fewer, or 0 to learn the whole tower"
        )
    learned = {id(weight) for layer in stack[-layers:] for weight in layer.parameters()}
    learned |= {id(weight) for name in _LAST for weight in getattr(tower, name, nn.Identity()).parameters()}
    for weight in tower.parameters():
        weight.requires_grad_(id(weight) in learned)


def copied(module: nn.Module) -> nn.Module:
    """A copy that can be learned, float32, on the CPU."""
    return copy.deepcopy(module).cpu().float().requires_grad_(True)


def as_pixels(pictures: Sequence[RGB]) -> Tensor:
    """N pictures of one size -> N x 3 x H x W uint8."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)

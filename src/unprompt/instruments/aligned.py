"""A joint space of pictures and texts made of two frozen towers that never met, and of linear maps between them.

Two towers that were each trained alone are aligned by a contrastive loss on captioned pictures: Zhai et al., 2022,
https://arxiv.org/abs/2111.07991, tune one of them; here both stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from unprompt.instruments.base import Encoder, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import filled, load_part, read_weights
from unprompt.instruments.unimodal import TextEncoder, VisionEncoder, VisualTokens
from unprompt.structured_text import read_object
from unprompt.types import RGB
from unprompt.validation import CONFIG, Count

CONFIGURATION: Final = "config.json"
STILL: Final = 1e-6
"""Standard deviation up to which a number counts as constant and is not scaled."""


@dataclass(frozen=True, config=CONFIG)
class AlignedConfig:
    """What the maps were learned on."""

    width: Count
    """Of the joint space."""
    layers: Annotated[tuple[int, ...], Field(min_length=1)]
    """Layers of the vision tower whose CLS token the picture's map reads, beside the projected embedding."""
    patches: Annotated[tuple[int, ...], Field(min_length=1)]
    """Layers whose patch tokens the map of a place in the picture reads."""


class AlignedMaps(nn.Module):
    """Linear maps into one space: of a picture, of a place in it, and of a text. Inputs are standardised first."""

    def __init__(self, config: AlignedConfig, picture: int, patch: int, text: int) -> None:
        super().__init__()
        self.picture, self.patch = StandardisedMap(picture, config.width), StandardisedMap(patch, config.width)
        self.text = StandardisedMap(text, config.width)

    @classmethod
    def on(cls, config: AlignedConfig, vision: VisionEncoder, text: TextEncoder) -> AlignedMaps:
        """Of the sizes that the two towers ask for."""
        picture = len(config.layers) * vision.width + vision.joint
        return cls(config, picture, len(config.patches) * vision.width, text.width)


class StandardisedMap(nn.Module):
    """W (x - mean) / deviation + b."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, joint: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.linear = nn.Linear(width, joint)

    def standardise(self, rows: Tensor) -> None:
        """Take mean and deviation of N x width; what is still is not scaled."""
        spread = rows.std(dim=0)
        self.mean.copy_(rows.mean(dim=0))
        self.deviation.copy_(torch.where(spread > STILL, spread, 1.0))

    def forward(self, rows: Tensor) -> Tensor:
        """... x width -> ... x joint."""
        made: Tensor = self.linear((rows - self.mean) / self.deviation)
        return made


class AlignedEncoder(Encoder):
    """A suite's vision and text encoders, joined by the maps in this folder: N x width, not normalised.

    Pictures: short side to the tower's size (bicubic), central square. The maps compute in float32, whatever the towers
    compute in.
    """

    def __init__(
        self, origin: Origin, vision: VisionEncoder, text: TextEncoder, device: str = "cpu", dtype: str = "float32"
    ) -> None:
        super().__init__(origin, device, dtype)
        self._vision, self._text = vision, text
        self._config = load_part(lambda: AlignedConfig(**read_object(origin.folder / CONFIGURATION)), origin)
        self.width, self.side = self._config.width, vision.side
        self.card = replace(self.card, parameters={**self.card.parameters, **_towers(vision, text)})

    def _load(self) -> None:
        self._vision.load()
        self._text.load()
        maps = AlignedMaps.on(self._config, self._vision, self._text)
        self._model = filled(maps, read_weights(self.origin.folder, self.origin), self.origin).to(self.device)

    def _embed_pictures(self, pictures: Sequence[RGB]) -> Sequence[Vectors]:
        return self._mapped("picture", [picture_row(one, self._config) for one in self._vision.tokens(pictures)])

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        return self._mapped("text", list(self._text.embed(texts)))

    def places(self, squares: Sequence[RGB]) -> list[Vectors]:
        """Of each ``side`` x ``side`` picture grid x grid x width: what is seen where, from the top left."""
        return self._batched(self._places, squares)

    def _places(self, squares: Sequence[RGB]) -> Sequence[Vectors]:
        seen = self._vision.crop_tokens(squares, self._config.patches)
        return self._mapped("patch", [patch_rows(one) for one in seen])

    def _mapped(self, side: str, rows: Sequence[Vectors]) -> Sequence[Vectors]:
        inputs = torch.from_numpy(np.stack(rows)).to(self.device)
        made: Tensor = getattr(self.model, side)(inputs)
        return list(made.cpu().numpy())


def picture_row(tokens: VisualTokens, config: AlignedConfig) -> Vectors:
    """What the picture's map reads of a picture's tokens, as one vector."""
    return np.concatenate([tokens.cls[list(config.layers)].ravel(), tokens.embedding])


def patch_rows(tokens: VisualTokens) -> Vectors:
    """grid x grid x (layers * width): what the map of a place reads."""
    made: Vectors = np.concatenate(list(tokens.patches), axis=-1)
    return made


def _towers(vision: VisionEncoder, text: TextEncoder) -> Mapping[str, Any]:
    """What a card says of the towers: with others the same maps make another encoder."""
    return {"vision": vision.card.digest, "text": text.card.digest}

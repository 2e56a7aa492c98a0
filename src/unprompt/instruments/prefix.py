"""A small language model that reads a picture's place in a joint space and its patch tokens, and says what is there.

That a decoder learns from texts alone where pictures and texts share a space is Nukrai et al., 2022 (CapDec),
https://arxiv.org/abs/2211.00575; here the texts' vectors stand for the first token that is read, and patch tokens are
read where there is a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, layer_norm, normalize
from transformers import AutoTokenizer, GenerationConfig, GPT2Config, GPT2LMHeadModel

from unprompt.images import resize
from unprompt.instruments.aligned import AlignedEncoder
from unprompt.instruments.base import Captioner
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import filled, from_folder, load_model, load_part, quietly
from unprompt.instruments.parameters import search
from unprompt.instruments.unimodal import VisionEncoder
from unprompt.types import RGB

if TYPE_CHECKING:
    from unprompt.instruments.base import Vectors

PREFIX: Final = "prefix"
"""Name of the weights file of :class:`Prefix`, and of what the model's configuration says of it."""


class Prefix(nn.Module):
    """A picture's vector and patch tokens -> what the decoder attends to, N x (1 + grid^2) x width."""

    def __init__(self, joint: int, patch: int, grid: int, width: int) -> None:
        super().__init__()
        self.grid = grid
        self.whole, self.patch = nn.Linear(joint, width), nn.Linear(patch, width)
        self.position = nn.Parameter(torch.zeros(grid**2, width))

    def forward(self, whole: Tensor, patches: Tensor | None) -> Tensor:
        """N x joint, of unit length or 0, and N x high x wide x patch; without patches N x 1 x width."""
        first = self.whole(whole).unsqueeze(1)
        if patches is None:
            return cast(Tensor, first)
        pooled = adaptive_avg_pool2d(patches.permute(0, 3, 1, 2), self.grid).flatten(2).transpose(1, 2)
        seen = self.patch(layer_norm(pooled, pooled.shape[-1:])) + self.position
        return torch.cat([first, seen], dim=1)


class PrefixCaptioner(Captioner):
    """A ``GPT2LMHeadModel`` with cross-attention on a :class:`Prefix`; the whole picture, stretched to the square.

    ``prefix`` in the model's configuration states ``layers``, whose patch tokens are read side by side, and ``grid``.
    """

    def __init__(
        self,
        origin: Origin,
        vision: VisionEncoder,
        encoder: AlignedEncoder,
        beams: int = 3,
        max_new_tokens: int = 24,
        max_objects: int = 0,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        super().__init__(origin, device, dtype, search(beams, max_new_tokens, max_objects))
        self._vision, self._encoder, self._beams, self._most = vision, encoder, beams, max_new_tokens
        self.card = replace(self.card, parameters={**self.card.parameters, "encoder": encoder.card.digest})

    def _load(self) -> None:
        self._model = load_model(GPT2LMHeadModel, self.origin, self.device, self._dtype)
        self._tokenizer = from_folder(AutoTokenizer, self.origin)
        self._layers, self._prefix = load_part(lambda: self._prefix_of(self._model.config), self.origin)

    def _prefix_of(self, config: GPT2Config) -> tuple[tuple[int, ...], Prefix]:
        layers, grid = tuple(config.prefix["layers"]), int(config.prefix["grid"])
        made = Prefix(self._encoder.width, len(layers) * self._vision.width, grid, config.n_embd)
        weights = load_file(self.origin.folder / f"{PREFIX}.safetensors")
        return layers, filled(made, weights, self.origin).to(self.device, self._dtype)

    def _caption(self, pictures: Sequence[RGB]) -> list[str]:
        side = self._vision.side
        squares = [resize(rgb, side, side) for rgb in pictures]
        seen = self._vision.crop_tokens(squares, self._layers)
        patches = self._tensor([np.concatenate(list(one.patches), axis=-1) for one in seen])
        whole = normalize(self._tensor(list(self._encoder.embed_pictures(squares))), dim=-1)
        texts: list[str] = self._tokenizer.batch_decode(
            self.told(self._prefix(whole, patches)), skip_special_tokens=True
        )
        return texts

    def told(self, seen: Tensor) -> Tensor:
        """N x at most ``max_new_tokens`` token ids for N x places x width."""
        tokenizer = self._tokenizer
        start = torch.full((len(seen), 1), tokenizer.bos_token_id, device=self.device)
        how = GenerationConfig(
            do_sample=False,
            num_beams=self._beams,
            max_new_tokens=min(self._most, self._model.config.n_positions - 1),
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        with quietly():
            return cast(
                Tensor,
                self._model.generate(
                    input_ids=start,
                    attention_mask=torch.ones_like(start),
                    encoder_hidden_states=seen,
                    generation_config=how,
                ),
            )

    def _tensor(self, rows: Sequence[Vectors]) -> Tensor:
        return torch.from_numpy(np.stack(rows)).to(self.device, self._dtype)

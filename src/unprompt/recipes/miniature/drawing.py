"""What the text-to-image families share: words that steer a UNet on a 16 x 16 grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from unprompt.recipes.miniature.words import clip_tokenizer
from unprompt.scenes.corpus import Indices

CONTEXT = 24
"""Tokens of a prompt: the short captions fit, longer ones are cut."""
DROPPED = 0.1
"""Share of prompts that are emptied in training: what guidance needs."""


def text_config(tokenizer: CLIPTokenizer, width: int, layers: int) -> CLIPTextConfig:
    """Of a text encoder that reads prompts."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        projection_dim=width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


class Drawing(nn.Module):
    """A text encoder of some layers and the UNet that it steers."""

    def __init__(self, tokenizer: CLIPTokenizer, unet: UNet2DConditionModel, layers: int = 3) -> None:
        super().__init__()
        config = text_config(tokenizer, unet.config.cross_attention_dim, layers)
        self.text_encoder = CLIPTextModel(config)
        self.unet = unet

    def forward(self, x: Tensor, time: Tensor, words: Tensor) -> Tensor:
        """N x C x 16 x 16, N, N x 24 token ids -> N x C x 16 x 16."""
        predicted: Tensor = self.unet(x, time, self.text_encoder(words).last_hidden_state).sample
        return predicted

    def save(self, folder: Path, tokenizer: CLIPTokenizer) -> None:
        """As :class:`~unprompt.instruments.flow.PixelFlow` reads it."""
        self.unet.save_pretrained(folder / "unet")
        self.text_encoder.save_pretrained(folder / "text_encoder")
        tokenizer.save_pretrained(folder / "tokenizer")


@dataclass(frozen=True)
class Prompts:
    """The tokens of every caption of a corpus, and of none."""

    tokens: Tensor
    empty: Tensor

    def drawn(self, indices: Indices, noise: torch.Generator) -> Tensor:
        """The prompts of a batch, a tenth of them emptied."""
        dropped = torch.rand(len(indices), 1, generator=noise) < DROPPED
        return torch.where(dropped, self.empty, self.tokens[indices])


def prompt_tokenizer(captions: tuple[str, ...]) -> CLIPTokenizer:
    """The tokenizer of a drawing model, at its context length."""
    tokenizer = clip_tokenizer(captions)
    tokenizer.model_max_length = CONTEXT
    return tokenizer


def prompts(tokenizer: CLIPTokenizer, captions: tuple[str, ...]) -> Prompts:
    """Padded to the context, as the pipelines pad."""

    def tokens(texts: list[str]) -> Tensor:
        padded: Tensor = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")["input_ids"]
        return padded

    return Prompts(tokens(list(captions)), tokens([""]))


def unet(channels: int, widths: tuple[int, int], text_width: int = 128) -> UNet2DConditionModel:
    """Convolutions on 16 x 16, attention to itself and to the words on 8 x 8."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=widths,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=8,
        norm_num_groups=16,
    )

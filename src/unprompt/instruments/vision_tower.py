"""CLIP's vision tower in torch alone, as the checkpoints of transformers name its weights.

transformers has the same network, and tests hold this one against it. To import it takes twice as long as to judge a
photograph, of which this tower is all that is asked; and where only the CLS token of the last layer is wanted, this one
leaves out what the other tokens would become there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def quick_gelu(x: Tensor) -> Tensor:
    """OpenAI's approximation of GELU."""
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {"quick_gelu": quick_gelu, "gelu": F.gelu}


@dataclass(frozen=True)
class TowerConfig:
    """What ``config.json`` states of a tower; the defaults are those of ``CLIPVisionConfig``."""

    hidden_size: int = 768
    intermediate_size: int = 3072
    projection_dim: int = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    image_size: int = 224
    patch_size: int = 32
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Self:
        """From a tower's configuration, or from that of a whole CLIP model; ValueError for what is none."""
        own = stated.get("vision_config", stated)
        if "vision_config" in stated and "projection_dim" in stated:
            own = {**own, "projection_dim": stated["projection_dim"]}
        found = cls(**{one.name: own[one.name] for one in fields(cls) if one.name in own})
        for one in fields(cls):
            kind, value = type(one.default), getattr(found, one.name)
            if not isinstance(value, kind) or not value or (isinstance(value, (int, float)) and value < 0):
                raise ValueError(f"{one.name} is {value!r}, expected {kind.__name__} above 0")
        if found.hidden_act not in ACTIVATIONS:
            raise ValueError(f"hidden_act is {found.hidden_act!r}, expected {' or '.join(ACTIVATIONS)}")
        if found.hidden_size % found.num_attention_heads or found.image_size < found.patch_size:
            raise ValueError("hidden_size is no multiple of num_attention_heads, or image_size below patch_size")
        return found


class VisionTower(nn.Module):
    """N x 3 x image_size x image_size -> the tokens between the layers, and the projected CLS token."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_model = _Transformer(config)
        self.visual_projection = nn.Linear(config.hidden_size, config.projection_dim, bias=False)

    def forward(self, pixels: Tensor, layers: Sequence[int] = ()) -> tuple[Tensor, list[Tensor], Tensor]:
        """N x (depth + 1) x width CLS tokens, the N x patches x width tokens after each of ``layers``, N x joint.

        Layer 0 is what enters the first.
        """
        cls, patches = [], {}
        depth = self.config.num_hidden_layers
        states = self.vision_model.pre_layrnorm(self.vision_model.embeddings(pixels))
        for number, layer in enumerate((None, *self.vision_model.layers)):
            if layer is not None:
                states = layer(states, 1 if number == depth and depth not in layers else None)
            cls.append(states[:, 0])
            if number in layers:
                patches[number] = states[:, 1:]
        embedding = self.visual_projection(self.vision_model.post_layernorm(states[:, 0]))
        return torch.stack(cls, dim=1), [patches[layer] for layer in layers], cast(Tensor, embedding)


class _Transformer(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)  # as the checkpoints spell it
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(map(_Layer, [config] * config.num_hidden_layers))})
        self.post_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    @property
    def layers(self) -> nn.ModuleList:
        return cast(nn.ModuleList, self.encoder["layers"])


class _Embeddings(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.patch_embedding = nn.Conv2d(3, width, patch, patch, bias=False)
        # No nn.Embedding, whose random numbers, even of a tensor without numbers, load torch's compiler.
        self.position_embedding = nn.Module()
        self.position_embedding.weight = nn.Parameter(torch.zeros((config.image_size // patch) ** 2 + 1, width))

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        cls = self.class_embedding.expand(len(pixels), 1, -1)
        return torch.cat([cls, patches], dim=1) + cast(Tensor, self.position_embedding.weight)


class _Layer(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.layer_norm1, self.layer_norm2 = (nn.LayerNorm(width, config.layer_norm_eps) for _ in range(2))
        self.self_attn, self.mlp = _Attention(config), _Feedforward(config)

    def forward(self, states: Tensor, kept: int | None = None) -> Tensor:
        """The first ``kept`` tokens, which attend to all; None = all of them."""
        states = states[:, :kept] + self.self_attn(self.layer_norm1(states), kept)
        return cast(Tensor, states + self.mlp(self.layer_norm2(states)))


class _Feedforward(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self._activation = ACTIVATIONS[config.hidden_act]

    def forward(self, states: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(self._activation(self.fc1(states))))


class _Attention(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self._heads = config.num_attention_heads

    def forward(self, states: Tensor, kept: int | None) -> Tensor:
        asked = (self.q_proj(states[:, :kept]), self.k_proj(states), self.v_proj(states))
        query, key, value = (one.unflatten(2, (self._heads, -1)).transpose(1, 2) for one in asked)
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return cast(Tensor, self.out_proj(seen))

"""CLIP, the joint space of pictures and texts: Radford et al., 2021, https://arxiv.org/abs/2103.00020."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoTokenizer, CLIPConfig, CLIPModel

from unprompt.instruments.base import Encoder, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model
from unprompt.instruments.preprocessing import Normaliser
from unprompt.types import RGB


class ClipEncoder(Encoder):
    """Any saved ``CLIPModel``: projected features, not normalised.

    Pictures: short side to the model's size (224 in the papers), bicubic, central square. Texts are cut at the
    model's context length.
    """

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        config = from_folder(CLIPConfig, origin)
        self.width = config.projection_dim
        self.vision_layers = config.vision_config.num_hidden_layers
        self.text_layers = config.text_config.num_hidden_layers
        self._context = config.text_config.max_position_embeddings
        self._normalise = Normaliser.of(origin.folder, config.vision_config.image_size)
        self.side, self.mean, self.std = self._normalise.side, self._normalise.mean, self._normalise.std

    def _load(self) -> None:
        self._model = load_model(CLIPModel, self.origin, self.device, self._dtype)
        self._tokenizer = from_folder(AutoTokenizer, self.origin)

    def tower(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        """What reads N x 3 x side x side, and what carries its pooled feature to the joint space."""
        return self.model.vision_model, self.model.visual_projection

    def _embed_pictures(self, pictures: Sequence[RGB]) -> Sequence[Vectors]:
        pixels = self._normalise.cropped(pictures).to(self.device, self._dtype)
        return _rows(self.model.get_image_features(pixel_values=pixels))

    def reader(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        """What reads ids and mask, and what carries its pooled feature to the joint space."""
        return self.model.text_model, self.model.text_projection

    def tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """N x context token ids and attention mask: cut, and filled up."""
        made = self.load()._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self._context, return_tensors="pt"
        )
        return made.input_ids, made.attention_mask

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        ids, mask = (tensor.to(self.device) for tensor in self.tokens(texts))
        return _rows(self.model.get_text_features(ids, attention_mask=mask))


def _rows(features: Any) -> Sequence[Vectors]:
    """N float32 rows; transformers 5 wraps the features in an object."""
    tensor: torch.Tensor = getattr(features, "pooler_output", features)
    return list(tensor.float().cpu().numpy())

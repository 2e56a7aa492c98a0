"""CLIP's residual networks, which transformers does not have: RN50x4 is SemGIR's encoder (section 4.1).

Radford et al., 2021, https://arxiv.org/abs/2103.00020; models of https://github.com/mlfoundations/open_clip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unprompt.errors import SuiteError
from unprompt.instruments.base import Encoder, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import filled, import_extra, load_part
from unprompt.instruments.preprocessing import CLIP_MEAN, CLIP_STD, Normaliser, channels
from unprompt.structured_text import read_object
from unprompt.types import RGB

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
OPENAI: Final = "openai"
"""In the hub's name of a model that OpenAI trained, as in timm/resnet50x4_clip.openai."""


class OpenClipEncoder(Encoder):
    """An open_clip folder with CLIP's own vocabulary: projected features, not normalised.

    Pictures: short side to the model's size (224; 288 of RN50x4), bicubic, central square. Texts are cut at the
    model's context length. Needs the extra ``openclip``.
    """

    files = (CONFIG, WEIGHTS)

    def __init__(self, origin: Origin, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(origin, device, dtype)
        load_part(lambda: self._configure(read_object(origin.folder / CONFIG)), origin)
        self._normalise = Normaliser(self.side, self.mean, self.std)

    def _configure(self, stated: Mapping[str, Any]) -> None:
        self._config = _checked(stated["model_cfg"], self.origin)
        self.width: int = self._config["embed_dim"]
        self.side: int = self._config["vision_cfg"]["image_size"]
        normal = stated.get("preprocess_cfg", {})
        self.mean, self.std = channels(normal.get("mean", CLIP_MEAN)), channels(normal.get("std", CLIP_STD))

    def check(self) -> None:
        self._package()

    def _package(self) -> Any:
        return import_extra("open_clip", "openclip", "CLIP RN50 and RN50x4")

    def _load(self) -> None:
        open_clip = self._package()
        self._model = load_part(lambda: _built(open_clip, self._config, self.origin), self.origin)
        self._model.to(self.device, self._dtype)
        self._tokenizer = open_clip.SimpleTokenizer(context_length=self._model.context_length)

    def tower(self) -> tuple[nn.Module, nn.Module]:
        """What reads N x 3 x side x side; it ends in the joint space itself."""
        return self.model.visual, nn.Identity()

    def _embed_pictures(self, pictures: Sequence[RGB]) -> Sequence[Vectors]:
        pixels = self._normalise.cropped(pictures).to(self.device, self._dtype)
        return list(self.model.encode_image(pixels).float().cpu().numpy())

    def reader(self) -> tuple[nn.Module, nn.Module]:
        """What reads ids and mask, and what carries its pooled feature to the joint space."""
        return TextReader(self.model), _projection(self.model.text_projection)

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """N x context token ids and attention mask: cut, and filled up with 0."""
        ids: Tensor = self.load()._tokenizer(list(texts))
        return ids, (ids != 0).long()

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        tokens, _ = self.tokens(texts)
        return list(self.model.encode_text(tokens.to(self.device)).float().cpu().numpy())


class TextReader(nn.Module):
    """The text tower of an open_clip model up to its pooled feature: ids and mask -> N x width.

    What fills a text up follows its end and is hidden by the causal attention: the mask changes nothing.
    """

    causal: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.embedding, self.transformer, self.final = model.token_embedding, model.transformer, model.ln_final
        self.positions: nn.Parameter = model.positional_embedding
        self.register_buffer("causal", model.attn_mask, persistent=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """N x context twice -> N x width, the state at the end of each text, whose id is the highest."""
        states = self.final(self.transformer(self.embedding(ids) + self.positions, attn_mask=self.causal))
        return cast(Tensor, states[torch.arange(len(ids), device=ids.device), ids.argmax(dim=-1)])


def _projection(weight: Tensor | nn.Module | None) -> nn.Module:
    """What multiplies by ``weight``, width x d."""
    if weight is None or isinstance(weight, nn.Module):
        return weight or nn.Identity()
    width, d = weight.shape
    made = nn.Linear(width, d, bias=False)
    made.weight = nn.Parameter(weight.detach().T, requires_grad=False)
    return made


def _checked(stated: Mapping[str, Any], origin: Origin) -> Mapping[str, Any]:
    """The network's configuration, known to be one that is read here as it was trained."""
    if "hf_tokenizer_name" in stated["text_cfg"]:
        raise SuiteError(
            f"model {origin.name!r} reads by the tokenizer {stated['text_cfg']['hf_tokenizer_name']!r}, expected one "
            "with CLIP's own vocabulary, such as RN50 or RN50x4 of OpenAI: name another model"
        )
    if (pooled := stated["text_cfg"].get("pool_type", "argmax")) != "argmax":
        raise SuiteError(
            f"model {origin.name!r} pools a text by {pooled!r}, expected the state at its end (argmax), as CLIP does: "
            "name another model"
        )
    if OPENAI in origin.name.lower() and not stated.get("quick_gelu"):
        raise SuiteError(
            f"model {origin.name!r} states quick_gelu = {stated.get('quick_gelu')} in {origin.folder / CONFIG}, "
            "expected true: OpenAI trained its models with QuickGELU, and with another activation they answer other "
            "vectors; set it, or fetch the model again"
        )
    return stated


def _built(open_clip: Any, stated: Mapping[str, Any], origin: Origin) -> Any:
    """The network that the folder describes, every parameter of it from the file."""
    model = open_clip.model.CLIP(**stated)
    return filled(model, load_file(origin.folder / WEIGHTS), origin)

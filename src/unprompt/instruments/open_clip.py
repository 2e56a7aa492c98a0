"""CLIP's residual networks, which transformers does not have: RN50x4 is SemGIR's encoder (section 4.1).

Radford et al., 2021, https://arxiv.org/abs/2103.00020; models of https://github.com/mlfoundations/open_clip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safetensors.torch import load_file
from torch import nn

from unprompt.errors import SuiteError
from unprompt.instruments.base import Encoder, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import filled, import_extra, load_part
from unprompt.instruments.preprocessing import CLIP_MEAN, CLIP_STD, Normaliser, channels
from unprompt.structured_text import read_object
from unprompt.types import RGB

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"


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
        self._config = stated["model_cfg"]
        self.width: int = self._config["embed_dim"]
        self.side: int = self._config["vision_cfg"]["image_size"]
        normal = stated.get("preprocess_cfg", {})
        self.mean, self.std = channels(normal.get("mean", CLIP_MEAN)), channels(normal.get("std", CLIP_STD))

    def _load(self) -> None:
        open_clip = import_extra("open_clip", "openclip", "CLIP RN50 and RN50x4")
        self._model = load_part(lambda: _built(open_clip, self._config, self.origin), self.origin)
        self._model.to(self.device, self._dtype)
        self._tokenizer = open_clip.SimpleTokenizer(context_length=self._model.context_length)

    def tower(self) -> tuple[nn.Module, nn.Module]:
        """What reads N x 3 x side x side; it ends in the joint space itself."""
        return self.model.visual, nn.Identity()

    def _embed_pictures(self, pictures: Sequence[RGB]) -> Sequence[Vectors]:
        pixels = self._normalise.cropped(pictures).to(self.device, self._dtype)
        return list(self.model.encode_image(pixels).float().cpu().numpy())

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vectors]:
        tokens = self._tokenizer(list(texts)).to(self.device)
        return list(self.model.encode_text(tokens).float().cpu().numpy())


def _built(open_clip: Any, stated: dict[str, Any], origin: Origin) -> Any:
    """The network that the folder describes, every parameter of it from the file."""
    if "hf_tokenizer_name" in stated["text_cfg"]:
        raise SuiteError(
            f"model {origin.name!r} reads by the tokenizer {stated['text_cfg']['hf_tokenizer_name']!r}, expected one "
            "with CLIP's own vocabulary, such as RN50 or RN50x4 of OpenAI: name another model"
        )
    model = open_clip.model.CLIP(**stated)
    return filled(model, load_file(origin.folder / WEIGHTS), origin)

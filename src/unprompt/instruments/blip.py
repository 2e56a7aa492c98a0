"""BLIP, the captioner of SARE (section 4.1): Li et al., 2022, https://arxiv.org/abs/2201.12086."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import AutoTokenizer, BlipForConditionalGeneration, GenerationConfig

from unprompt.instruments.base import Captioner
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import from_folder, load_model, quietly
from unprompt.instruments.parameters import search
from unprompt.instruments.preprocessing import Normaliser
from unprompt.types import RGB


class BlipCaptioner(Captioner):
    """Any saved ``BlipForConditionalGeneration``: the whole picture, stretched to the model's square, -> text.

    Greedy with ``beams = 1``, beam search above; never sampled. At most ``max_new_tokens`` tokens, and
    no more than the model has positions for.
    """

    def __init__(
        self,
        origin: Origin,
        beams: int = 1,
        max_new_tokens: int = 30,
        max_objects: int = 0,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        super().__init__(origin, device, dtype, search(beams, max_new_tokens, max_objects))
        self._beams, self._tokens = beams, max_new_tokens

    def _load(self) -> None:
        self._model = load_model(BlipForConditionalGeneration, self.origin, self.device, self._dtype)
        self._tokenizer = from_folder(AutoTokenizer, self.origin)
        config = self._model.config
        self._normalise = Normaliser.of(self.origin.folder, config.vision_config.image_size)
        self._start = 1  # of the text: the decoder's own start goes first, which not every tokenizer counts as special
        most = min(self._tokens, config.text_config.max_position_embeddings - 1)
        self._search = GenerationConfig(do_sample=False, num_beams=self._beams, max_new_tokens=most)

    def _caption(self, pictures: Sequence[RGB]) -> list[str]:
        pixels = self._normalise.whole(pictures).to(self.device, self._dtype)
        with quietly():
            tokens = self._model.generate(pixel_values=pixels, generation_config=self._search)
        texts: list[str] = self._tokenizer.batch_decode(tokens[:, self._start :], skip_special_tokens=True)
        return texts

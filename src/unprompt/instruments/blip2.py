"""BLIP-2, the captioner of TIDY and ITEM (blip2-opt-2.7b): Li et al., 2023, https://arxiv.org/abs/2301.12597."""

from __future__ import annotations

from transformers import AutoTokenizer, Blip2ForConditionalGeneration, GenerationConfig

from unprompt.errors import SuiteError
from unprompt.instruments.blip import BlipCaptioner
from unprompt.instruments.loading import from_folder, load_model
from unprompt.instruments.preprocessing import Normaliser


class Blip2Captioner(BlipCaptioner):
    """Any saved ``Blip2ForConditionalGeneration`` with a decoder as language model (OPT): picture -> text.

    The whole picture, stretched to the model's square; no prompt. Greedy with ``beams = 1``, beam search above;
    never sampled. At most ``max_new_tokens`` tokens.
    """

    def _load(self) -> None:
        self._model = load_model(Blip2ForConditionalGeneration, self.origin, self.device, self._dtype)
        config = self._model.config
        if config.image_token_index is None or config.text_config.is_encoder_decoder:
            raise SuiteError(
                f"model {self.origin.name!r} has image_token_index {config.image_token_index} and the language model "
                f"{config.text_config.model_type}, expected a token that stands for the picture and a decoder such as "
                "OPT: fetch a newer revision, or name another model"
            )
        self._tokenizer = from_folder(AutoTokenizer, self.origin)
        self._normalise = Normaliser.of(self.origin.folder, config.vision_config.image_size)
        self._start = config.num_query_tokens + 1  # after the picture's tokens and the start of the text
        self._search = GenerationConfig(
            do_sample=False,
            num_beams=self._beams,
            max_new_tokens=self._tokens,
            bos_token_id=config.text_config.bos_token_id,
            eos_token_id=self._model.generation_config.eos_token_id,
            pad_token_id=config.text_config.pad_token_id,
        )

"""LLaVA-NeXT, the captioner of the ablations: Liu et al., 2024, https://llava-vl.github.io/blog/2024-01-30-llava-next.

SARE's table 5 asks it in two ways, TIDY and ITEM in a third: see :data:`PROMPTS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import AutoTokenizer, GenerationConfig, LlavaNextForConditionalGeneration, LlavaNextProcessor
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from unprompt.errors import OptionError, SuiteError
from unprompt.instruments.base import Captioner
from unprompt.instruments.cards import Origin
from unprompt.instruments.digests import FILES
from unprompt.instruments.loading import load_model, load_part, quietly
from unprompt.instruments.parameters import search
from unprompt.types import RGB

PROMPTS = {
    "brief": "Brief description within 50 words.",
    "detailed": "Detailed description within 80 words.",
    "sentence": "Please generate a one-sentence caption for the input image.",
}
"""``brief`` and ``detailed``: SARE, figures 9 to 12; ``sentence``: TIDY, section 4.3, and ITEM."""


class LlavaNextCaptioner(Captioner):
    """Any saved ``LlavaNextForConditionalGeneration``: the whole picture and its tiles, and a question -> text.

    ``prompt`` is a name of PROMPTS, or a question in other words; it is put by the model's own chat template. Greedy
    with ``beams = 1``, beam search above; never sampled.
    """

    files = (*FILES, "*.jinja")
    # The tiles of a picture, and with them the length of its question, depend on its shape: one at a time needs no
    # padding, so that no caption depends on its neighbours.
    batch_size = 1

    def __init__(
        self,
        origin: Origin,
        prompt: str = "sentence",
        beams: int = 1,
        max_new_tokens: int = 120,
        max_objects: int = 0,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        if not prompt.strip():
            raise OptionError(f"prompt is {prompt!r}, expected one of {', '.join(PROMPTS)} or a question of your own")
        self._prompt, self._beams, self._tokens = PROMPTS.get(prompt, prompt), beams, max_new_tokens
        super().__init__(origin, device, dtype, {"prompt": self._prompt, **search(beams, max_new_tokens, max_objects)})

    def _load(self) -> None:
        origin = self.origin
        self._model = load_model(LlavaNextForConditionalGeneration, origin, self.device, self._dtype)
        self._processor = load_part(lambda: _processor(origin), origin)
        self._question = load_part(lambda: _question(self._processor, self._prompt, origin), origin)
        ends = self._model.generation_config
        self._search = GenerationConfig(
            do_sample=False,
            num_beams=self._beams,
            max_new_tokens=self._tokens,
            bos_token_id=ends.bos_token_id,
            eos_token_id=ends.eos_token_id,
            pad_token_id=self._processor.tokenizer.pad_token_id,
        )

    def _caption(self, pictures: Sequence[RGB]) -> list[str]:
        return [self._answer(rgb) for rgb in pictures]

    def _answer(self, rgb: RGB) -> str:
        start = self._processor.tokenizer.bos_token
        has_start = start is not None and self._question.startswith(start)  # Some templates write it themselves.
        with quietly():
            asked = self._processor(
                images=rgb,
                text=self._question,
                add_special_tokens=not has_start,
                input_data_format="channels_last",
                return_tensors="pt",
            ).to(self.device, self._dtype)
            tokens = self._model.generate(**asked, generation_config=self._search)
        length = asked["input_ids"].shape[1]
        text: str = self._processor.tokenizer.decode(tokens[0, length:], skip_special_tokens=True)
        return text


def _processor(origin: Origin) -> Any:
    """Tokenizer, tiles and template of the folder; the tiles by Pillow, which needs no torchvision."""
    return LlavaNextProcessor.from_pretrained(
        origin.folder,
        tokenizer=AutoTokenizer.from_pretrained(origin.folder, local_files_only=True),
        image_processor=LlavaNextImageProcessorPil.from_pretrained(origin.folder, local_files_only=True),
        local_files_only=True,
    )


def _question(processor: Any, question: str, origin: Origin) -> str:
    if processor.chat_template is None:
        raise SuiteError(
            f"model {origin.name!r} in {origin.folder} has no chat template, expected chat_template.jinja, "
            "chat_template.json or one in its processor_config.json: fetch it again"
        )
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    text: str = processor.apply_chat_template([turn], add_generation_prompt=True)
    return text

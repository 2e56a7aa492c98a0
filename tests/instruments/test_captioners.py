"""BLIP-2 and LLaVA-NeXT, each against a greedy search written by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, AutoTokenizer, Blip2ForConditionalGeneration, LlavaNextForConditionalGeneration

from unprompt.errors import MissingWeights, OptionError, SuiteError
from unprompt.images import resize
from unprompt.instruments.base import Captioner
from unprompt.instruments.blip2 import Blip2Captioner
from unprompt.instruments.cards import Origin
from unprompt.instruments.llava_next import PROMPTS, LlavaNextCaptioner
from unprompt.instruments.loading import quietly
from unprompt.testing.fake_paper import save_blip2, save_llava_next
from unprompt.testing.fake_suite import SIDE
from unprompt.types import RGB

WORDS = 5
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("captioners")
    with torch.random.fork_rng(), quietly():
        torch.manual_seed(3)
        save_blip2(root / "blip-2")
        save_llava_next(root / "llava-next")
    return {"blip-2": root / "blip-2", "llava-next": root / "llava-next"}


@pytest.fixture(scope="module")
def captioners(folders: dict[str, Path]) -> dict[str, Captioner]:
    return {
        "blip-2": Blip2Captioner(Origin(folders["blip-2"]), max_new_tokens=WORDS),
        "llava-next": LlavaNextCaptioner(Origin(folders["llava-next"]), "brief", max_new_tokens=WORDS),
    }


@pytest.mark.parametrize("kind", ["blip-2", "llava-next"])
def test_a_caption_does_not_depend_on_its_neighbours(
    captioners: dict[str, Captioner], kind: str, pictures: list[RGB]
) -> None:
    captioner = captioners[kind]
    together = captioner.captions(pictures)
    assert together == [captioner.captions([rgb])[0] for rgb in pictures]
    assert together[::-1] == captioner.captions(pictures[::-1])
    assert len({caption.text for caption in together}) > 1
    assert not any("<" in caption.text for caption in together)


@pytest.mark.parametrize("kind", ["blip-2", "llava-next"])
def test_frozen_from_birth(captioners: dict[str, Captioner], kind: str) -> None:
    model = captioners[kind].load()._model  # type: ignore[attr-defined]
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_blip2_is_a_greedy_search_after_the_picture(
    folders: dict[str, Path], captioners: dict[str, Captioner], pictures: list[RGB]
) -> None:
    model = Blip2ForConditionalGeneration.from_pretrained(folders["blip-2"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(folders["blip-2"])
    config = model.config
    for rgb in pictures[:3]:
        whole = (resize(rgb, SIDE, SIDE) / 255 - np.array(MEAN)) / np.array(STD)
        pixels = torch.from_numpy(whole.transpose(2, 0, 1)[None]).float()
        tokens = [config.image_token_index] * config.num_query_tokens + [config.text_config.bos_token_id]
        said: list[int] = []
        while len(said) < WORDS and config.text_config.eos_token_id not in said:
            with torch.no_grad():
                logits = model(pixel_values=pixels, input_ids=torch.tensor([tokens + said])).logits
            said.append(int(logits[0, -1].argmax()))
        assert captioners["blip-2"].captions([rgb])[0].text == tokenizer.decode(said, skip_special_tokens=True).strip()


def test_llava_is_a_greedy_search_after_the_question(
    folders: dict[str, Path], captioners: dict[str, Captioner], pictures: list[RGB]
) -> None:
    with quietly():
        model = LlavaNextForConditionalGeneration.from_pretrained(folders["llava-next"]).eval()
        processor = AutoProcessor.from_pretrained(folders["llava-next"])
    for rgb in pictures[:3]:
        asked = processor(
            images=rgb, text=f"<image>{PROMPTS['brief']} a:", input_data_format="channels_last", return_tensors="pt"
        )
        said: list[int] = []
        while len(said) < WORDS and model.config.text_config.eos_token_id not in said:
            told = torch.cat([asked["input_ids"], torch.tensor([said], dtype=torch.long)], dim=1)
            with torch.no_grad():
                seen = {name: asked[name] for name in ("pixel_values", "image_sizes")}
                logits = model(input_ids=told, attention_mask=torch.ones_like(told), **seen).logits
            said.append(int(logits[0, -1].argmax()))
        text = processor.tokenizer.decode(said, skip_special_tokens=True).strip()
        assert captioners["llava-next"].captions([rgb])[0].text == (text or "a picture")


def test_the_prompts_are_the_papers() -> None:
    assert PROMPTS == {
        "brief": "Brief description within 50 words.",
        "detailed": "Detailed description within 80 words.",
        "sentence": "Please generate a one-sentence caption for the input image.",
    }


def test_the_question_is_on_the_card_and_may_be_ones_own(folders: dict[str, Path]) -> None:
    origin = Origin(folders["llava-next"])
    assert LlavaNextCaptioner(origin).card.parameters["prompt"] == PROMPTS["sentence"]
    own = LlavaNextCaptioner(origin, "What is red?")
    assert own.card.parameters["prompt"] == "What is red?"
    assert "What is red?" in own.load()._question


def test_wrong_options_are_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(OptionError, match="prompt is ' ', expected one of brief, detailed, sentence"):
        LlavaNextCaptioner(Origin(folders["llava-next"]), " ")
    with pytest.raises(OptionError, match="beams and max_new_tokens must be at least 1, got 0 and 30"):
        Blip2Captioner(Origin(folders["blip-2"]), beams=0)
    with pytest.raises(OptionError, match="beams and max_new_tokens must be at least 1, got 1 and 0"):
        LlavaNextCaptioner(Origin(folders["llava-next"]), max_new_tokens=0)
    with pytest.raises(OptionError, match="max_objects must be 0, for all that a caption names, or more, got -1"):
        Blip2Captioner(Origin(folders["blip-2"]), max_objects=-1)


def test_captions_name_so_many_objects(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Blip2Captioner, "_caption", lambda self, pictures: ["a cat, a dog and a bird on a bed"])
    origin, grey = Origin(folders["blip-2"]), [np.zeros((8, 8, 3), np.uint8)]
    whole, short = Blip2Captioner(origin), Blip2Captioner(origin, max_objects=2)
    assert [one.captions(grey)[0].text for one in (whole, short)] == [
        "a cat, a dog and a bird on a bed",
        "a cat and a dog on a bed",
    ]
    assert "max_objects" not in whole.card.parameters  # what was stored before there was such a number stays valid
    assert short.card.parameters["max_objects"] == 2


def test_beams_are_repeatable(folders: dict[str, Path], pictures: list[RGB]) -> None:
    for made in (
        Blip2Captioner(Origin(folders["blip-2"]), beams=3, max_new_tokens=4),
        LlavaNextCaptioner(Origin(folders["llava-next"]), beams=2, max_new_tokens=4),
    ):
        assert made.captions(pictures[:2]) == made.captions(pictures[:2])


def test_a_model_without_its_template_or_its_token_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    llava = Path(shutil.copytree(folders["llava-next"], tmp_path / "llava"))
    (llava / "chat_template.jinja").unlink()
    with pytest.raises(SuiteError, match=r"'llava' in .* has no chat template, expected chat_template.jinja"):
        LlavaNextCaptioner(Origin(llava)).load()
    blip = Path(shutil.copytree(folders["blip-2"], tmp_path / "blip"))
    stated = json.loads((blip / "config.json").read_text("utf-8"))
    (blip / "config.json").write_text(json.dumps(stated | {"image_token_index": None}), "utf-8")
    with pytest.raises(SuiteError, match="'blip' has image_token_index None and the language model opt"):
        Blip2Captioner(Origin(blip)).load()


def test_a_shard_that_was_not_fetched_is_named(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders["blip-2"], tmp_path / "blip"))
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    words = r"'org/blip2' .*\(model-00002-of-00002.safetensors is lacking.*`unprompt fetch paper`.*--suite miniature"
    with pytest.raises(MissingWeights, match=words):
        Blip2Captioner(Origin(folder, "org/blip2", suite="paper"))

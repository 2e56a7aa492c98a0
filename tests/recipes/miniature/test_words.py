"""Tokenizers of the little world: every word one token, and captions come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertTokenizer, CLIPTokenizer

from unprompt.recipes.miniature.words import CONTEXT, blip_tokenizer, clip_tokenizer
from unprompt.scenes.scene import Scene


@pytest.fixture(scope="module")
def captions() -> list[str]:
    scenes = [Scene.sample(seed) for seed in range(400)]
    return [text for scene in scenes for text in (scene.caption, scene.long_caption)]


@pytest.fixture(scope="module")
def clip(captions: list[str]) -> CLIPTokenizer:
    return clip_tokenizer(captions)


@pytest.fixture(scope="module")
def blip(captions: list[str]) -> BertTokenizer:
    return blip_tokenizer(captions)


def test_every_word_is_one_token_of_clip(clip: CLIPTokenizer, captions: list[str]) -> None:
    for caption in captions[:40]:
        words = caption.replace(",", " ,").split()
        assert len(clip(caption).input_ids) == len(words) + 2, caption


def test_captions_come_back(clip: CLIPTokenizer, blip: BertTokenizer, captions: list[str]) -> None:
    for caption in captions[:40]:
        spaced = caption.replace(",", " ,")
        assert clip.decode(clip(caption).input_ids, skip_special_tokens=True).replace(" ,", ",") == caption
        told = blip.decode(blip(caption).input_ids, skip_special_tokens=True)
        assert told.replace(" ,", ",").replace(",", " ,") == spaced


def test_the_longest_captions_fit(clip: CLIPTokenizer, blip: BertTokenizer, captions: list[str]) -> None:
    for tokenizer in (clip, blip):
        assert tokenizer.model_max_length == CONTEXT
        assert max(len(tokens) for tokens in tokenizer(captions).input_ids) <= CONTEXT


def test_blip_begins_captions_with_its_own_token(blip: BertTokenizer) -> None:
    assert blip.bos_token == "[DEC]"
    assert len({blip.bos_token_id, blip.sep_token_id, blip.pad_token_id, blip.unk_token_id}) == 4
    assert blip("a purple elephant").input_ids.count(blip.unk_token_id) == 1


@pytest.mark.parametrize("name", ["clip", "blip"])
def test_they_are_saved_and_loaded(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    tokenizer = request.getfixturevalue(name)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    text = Scene.sample(4).long_caption
    assert loaded(text).input_ids == tokenizer(text).input_ids
    assert loaded.model_max_length == CONTEXT

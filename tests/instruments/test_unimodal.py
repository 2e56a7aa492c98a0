"""The vision tower layer by layer and the text tower, on tiny models of the real classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertModel, BertTokenizer, CLIPModel

from unprompt.errors import NotFinite, OptionError, SuiteError
from unprompt.images import centre_square
from unprompt.instruments import Suite
from unprompt.instruments.preprocessing import Normaliser
from unprompt.instruments.unimodal import TextEncoder, VisionEncoder
from unprompt.testing.fake_suite import CONTEXT, SIDE, save
from unprompt.testing.fake_towers import fake_vision, save_fake_sentence
from unprompt.types import RGB

TEXTS = ["", "a red ball", "a blue cube on sand and grass", "wood", "a green cone and a red ball on wood"]
FILE = """\
name = "towers"
[instruments.vision]
class = "clip-vision"
path = "vision"
[instruments.text]
class = "sentence"
path = "text"
[methods.tidy.instruments.vision]
class = "clip-vision"
path = "whole"
"""


@pytest.fixture(scope="module")
def folder(fake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("towers")
    save(fake_vision(), made / "vision")
    save_fake_sentence(made / "text")
    shutil.copytree(fake / "encoder", made / "whole")
    (made / "suite.toml").write_text(FILE, "utf-8")
    return made


@pytest.fixture(scope="module")
def towers(folder: Path) -> Suite:
    return Suite.load(folder)


def test_tokens_against_the_model_itself(towers: Suite, pictures: list[RGB]) -> None:
    tower, net = towers.vision, fake_vision()
    with torch.no_grad():
        seen = net(pixel_values=Normaliser(SIDE).cropped(pictures), output_hidden_states=True)
    for place, one in enumerate(tower.tokens(pictures, [1, 2])):
        cls = np.stack([states[place, 0].numpy() for states in seen.hidden_states])
        np.testing.assert_allclose(one.cls, cls, atol=1e-4)
        for layer, patches in zip((1, 2), one.patches, strict=True):
            flat = seen.hidden_states[layer][place, 1:].numpy()
            np.testing.assert_allclose(patches[2, 3], flat[2 * tower.grid + 3], atol=1e-4)
        np.testing.assert_allclose(one.embedding, seen.image_embeds[place].numpy(), atol=1e-4)


def test_shapes_are_those_that_the_tower_states(towers: Suite, pictures: list[RGB]) -> None:
    tower = towers.vision
    assert (tower.side, tower.depth, tower.width, tower.grid, tower.joint) == (SIDE, 2, 64, 4, 24)
    bare, full = tower.tokens(pictures[:1])[0], tower.tokens(pictures[:1], range(3))[0]
    assert (bare.cls.shape, bare.patches.shape, bare.embedding.shape) == ((3, 64), (0, 4, 4, 64), (24,))
    assert full.patches.shape == (3, 4, 4, 64)
    assert {array.dtype for array in full} == {np.dtype(np.float32)}
    assert tower.tokens([]) == []


def test_a_whole_clip_serves_as_its_vision_tower(towers: Suite, folder: Path, pictures: list[RGB]) -> None:
    clip = CLIPModel.from_pretrained(folder / "whole")
    with torch.no_grad():
        seen = clip.get_image_features(pixel_values=Normaliser(SIDE).cropped(pictures)).pooler_output
    found = [one.embedding for one in towers.of("tidy").vision.tokens(pictures)]
    np.testing.assert_allclose(found, seen.numpy(), atol=1e-4)


def test_a_picture_is_alike_alone_and_in_company(towers: Suite, pictures: list[RGB]) -> None:
    many = pictures * 2  # more than one batch
    assert len(many) > towers.vision.batch_size
    for rgb, one in zip(many, towers.vision.tokens(many, [2]), strict=True):
        for alone, together in zip(towers.vision.tokens([rgb], [2])[0], one, strict=True):
            np.testing.assert_allclose(together, alone, atol=1e-4)


def test_crops_are_taken_as_they_are(towers: Suite, pictures: list[RGB]) -> None:
    crops = [centre_square(rgb, SIDE) for rgb in pictures]
    for crop, picture in zip(towers.vision.crop_tokens(crops), towers.vision.tokens(pictures), strict=True):
        np.testing.assert_array_equal(crop.cls, picture.cls)
    with pytest.raises(OptionError, match=f"a crop is 30 x 40 pixels, expected {SIDE} x {SIDE}"):
        towers.vision.crop_tokens(pictures[:1])


@pytest.mark.parametrize("layer", [-1, 3])
def test_a_layer_that_there_is_not(towers: Suite, pictures: list[RGB], layer: int) -> None:
    with pytest.raises(OptionError, match=f"no layer {layer}: expected 0 to 2"):
        towers.vision.tokens(pictures, [1, layer])


def test_tokens_that_are_not_finite_are_told(folder: Path, pictures: list[RGB]) -> None:
    tower = Suite.load(folder).vision
    tower.model.vision_model.embeddings.class_embedding.data[0] = torch.nan
    with pytest.raises(NotFinite, match=r"ClipVision\('vision'.* answers numbers that are NaN"):
        tower.tokens(pictures[:2])


def test_embeddings_are_the_mean_over_a_texts_own_tokens(towers: Suite, folder: Path) -> None:
    """As sentence-transformers defines them, for each text alone and so without any filling."""
    net, tokenizer = BertModel.from_pretrained(folder / "text"), BertTokenizer.from_pretrained(folder / "text")
    expected = []
    for text in TEXTS:
        with torch.no_grad():
            mean = net(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].double().numpy().mean(axis=0)
        expected.append(mean / np.sqrt((mean**2).sum()))
    found = towers.text.embed(TEXTS)
    assert (found.shape, found.dtype) == ((len(TEXTS), towers.text.width), np.dtype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(found[1], found[2], atol=1e-2)


def test_long_texts_are_cut_where_the_folder_says(towers: Suite) -> None:
    words = ["ball"] * (CONTEXT - 2)  # beside the marks of beginning and end
    cut, whole, short = towers.text.embed([" ".join([*words, "sand"]), " ".join(words), " ".join(words[1:])])
    np.testing.assert_allclose(cut, whole, atol=1e-5)
    assert not np.allclose(short, whole, atol=1e-3)
    assert towers.text.embed([]).shape == (0, towers.text.width)


def test_roles_and_cards(towers: Suite, folder: Path) -> None:
    assert isinstance(towers.vision, VisionEncoder)
    assert isinstance(towers.text, TextEncoder)
    assert [(towers.card(role).kind, towers.card(role).model) for role in ("vision", "text")] == [
        ("vision", "vision"),
        ("text", "text"),
    ]
    (folder / "odd.toml").write_text('[instruments.text]\nclass = "clip-vision"\npath = "vision"\n', "utf-8")
    with pytest.raises(SuiteError, match="'clip-vision' is a ClipVision, expected a TextEncoder"):
        _ = Suite.load(folder / "odd.toml").text

"""Grounders: the one best box of a phrase, alike in any company; and an OWLv2 that shares its trunk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import load_file, save_file
from transformers import AutoProcessor, MMGroundingDinoForObjectDetection, Owlv2ForObjectDetection
from transformers.tokenization_utils_base import BatchEncoding

from unprompt.errors import MissingWeights, OptionError, SuiteError
from unprompt.instruments import Suite
from unprompt.instruments.base import Grounder
from unprompt.instruments.boxes import best_box
from unprompt.instruments.cards import Origin
from unprompt.instruments.digests import folder_digest
from unprompt.instruments.grounding_dino import GroundingDino
from unprompt.instruments.owlv2 import Owlv2Grounder, look, read
from unprompt.testing.fake_grounders import save_fake_grounding_dino
from unprompt.types import RGB, Box

PHRASES = ["a red ball", "a blue cube", "wood"]


@pytest.fixture(scope="session")
def dino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dino")
    torch.manual_seed(3)
    save_fake_grounding_dino(folder, ["a", "red", "blue", "ball", "cube", "wood"])
    return folder


@pytest.fixture(params=["owlv2", "grounding-dino"])
def grounder(request: pytest.FixtureRequest, fake: Path, dino: Path) -> Grounder:
    if request.param == "owlv2":
        return Owlv2Grounder(Origin(fake / "grounder"), trunk="encoder", threshold=0.3)
    return GroundingDino(Origin(dino))


def edges(box: Box) -> list[float]:
    return [box.left, box.top, box.right, box.bottom]


floats = st.floats(-2, 3, width=32) | st.just(float("nan"))


@given(
    arrays.arrays(np.float32, (5, 4), elements=floats), arrays.arrays(np.float32, 5, elements=st.floats(0, 1, width=32))
)
def test_the_best_box_lies_in_the_picture_and_none_is_better(found: Any, scores: Any) -> None:
    box = best_box("a ball", found, scores, 0.35)
    inside = [[min(max(edge, 0), 1) for edge in row] for row in found.tolist()]
    sound = [score for row, score in zip(inside, scores.tolist(), strict=True) if row[2] > row[0] and row[3] > row[1]]
    if box is None:
        assert not [score for score in sound if score > 0.35]
        return
    assert 0 <= box.left < box.right <= 1
    assert 0 <= box.top < box.bottom <= 1
    assert box.score == max(sound) > 0.35
    assert edges(box) in inside


def test_boxes_come_in_the_order_of_the_phrases_and_each_once(grounder: Grounder, pictures: list[RGB]) -> None:
    there, turned, none = grounder.ground([pictures[0], pictures[0], pictures[0]], [PHRASES, PHRASES[::-1], []])
    assert [box.phrase for box in there] == [phrase for phrase in PHRASES if phrase in {box.phrase for box in there}]
    assert there
    assert none == ()
    for box, other in zip(there, turned[::-1], strict=True):
        assert box.phrase == other.phrase
        np.testing.assert_allclose([*edges(box), box.score], [*edges(other), other.score], atol=1e-5)


def test_a_picture_has_the_same_boxes_whatever_its_neighbours(grounder: Grounder, pictures: list[RGB]) -> None:
    together = grounder.ground(pictures, [PHRASES] * len(pictures))
    alone = [grounder.ground([picture], [PHRASES])[0] for picture in pictures]
    assert together == alone
    assert grounder.ground(pictures[::-1], [PHRASES] * len(pictures)) == together[::-1]
    for box in (box for boxes in together for box in boxes):
        assert 0 <= box.left < box.right <= 1
        assert 0 <= box.top < box.bottom <= 1
        assert grounder.threshold < box.score <= 1


def test_nothing_is_found_above_a_high_threshold(fake: Path, dino: Path, pictures: list[RGB]) -> None:
    for strict in (
        Owlv2Grounder(Origin(fake / "grounder"), trunk="encoder", threshold=0.999),
        GroundingDino(Origin(dino), threshold=0.999),
    ):
        assert strict.card.parameters["threshold"] == 0.999
        assert strict.ground(pictures[:1], [PHRASES]) == [()]
    with pytest.raises(OptionError, match=r"threshold must be in \[0, 1\), got 1.5"):
        GroundingDino(Origin(dino), threshold=1.5)
    with pytest.raises(OptionError, match=r"threshold must be in \[0, 1\), got -0.1"):
        Owlv2Grounder(Origin(fake / "grounder"), trunk="encoder", threshold=-0.1)


def test_grounding_dino_takes_the_best_of_its_own_boxes(dino: Path, pictures: list[RGB]) -> None:
    picture = pictures[5]  # 64 x 48 in height and width
    found = GroundingDino(Origin(dino)).ground([picture], [PHRASES])[0]
    model, processor = MMGroundingDinoForObjectDetection.from_pretrained(dino), AutoProcessor.from_pretrained(dino)
    for box in found:
        given = processor(images=[picture], text=f"{box.phrase}.", return_tensors="pt")
        with torch.inference_mode():
            told = model(**given)
        scores = told.logits[0].sigmoid().max(-1).values
        x, y, wide, high = told.pred_boxes[0, scores.argmax()].tolist()
        assert box.score == pytest.approx(float(scores.max()), abs=1e-5)
        expected = np.clip([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], 0, 1)
        np.testing.assert_allclose(edges(box), expected, atol=1e-5)


class Numbers:
    """A tokenizer of OpenAI's habits: padded with 0, ended by the highest number."""

    eos_token_id = 549

    def __call__(self, phrases: Sequence[str], max_length: int, **_: object) -> BatchEncoding:
        rows = [[548, *(3 + len(word) for word in phrase.split()), 549] for phrase in phrases]
        padded = torch.tensor([row + [0] * (max_length - len(row)) for row in rows])
        return BatchEncoding({"input_ids": padded, "attention_mask": (padded > 0).long()})


def test_pieces_of_owlv2_say_what_its_forward_says(suite: Suite) -> None:
    config = suite.grounder.load()._model.config  # type: ignore[attr-defined]
    config = type(config)(**{**config.to_dict(), "text_config": {**config.text_config.to_dict(), "vocab_size": 550}})
    torch.manual_seed(0)
    model = Owlv2ForObjectDetection(config).eval()
    pixels, words = torch.randn(1, 3, 32, 32), Numbers()
    tokens = words(PHRASES, max_length=config.text_config.max_position_embeddings)
    with torch.inference_mode():
        whole = model(pixel_values=pixels, **tokens)
        logits, boxes, _ = look(model, pixels, read(model, words, PHRASES)[None])
    torch.testing.assert_close(logits, whole.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(boxes, whole.pred_boxes)


def test_boxes_of_owlv2_are_shares_of_the_picture_and_not_of_the_padded_square(
    suite: Suite, pictures: list[RGB]
) -> None:
    grounder: Any = suite.grounder.load()
    tall = np.full((32, 16, 3), 90, np.uint8)
    tall[:8, :8] = 250
    square = np.full((32, 32, 3), 128, np.uint8)
    square[:, :16] = tall
    with torch.inference_mode():
        ((one, scores), *_), ((other, twice), *_) = grounder._search(tall, PHRASES), grounder._search(square, PHRASES)
    np.testing.assert_allclose(one, other * [2, 1, 2, 1], atol=1e-5)
    np.testing.assert_allclose(scores, twice, atol=1e-5)


def test_the_trunk_is_the_encoders_and_not_repeated(suite: Suite, fake: Path) -> None:
    own = load_file(fake / "grounder" / "model.safetensors")
    trunk, model = suite.encoder.model.state_dict(), suite.grounder.load()._model.state_dict()  # type: ignore[attr-defined]
    shared = [name for name in model if name.startswith("owlv2.") and name not in own]
    assert len(shared) > 50
    for name in shared:
        assert torch.equal(model[name], trunk[name.removeprefix("owlv2.").replace("pre_layernorm", "pre_layrnorm")])
    for name, tensor in own.items():
        assert torch.equal(model[name], tensor)
    assert "owlv2.vision_model.post_layernorm.weight" in own  # its own wins
    sizes = [(fake / name / "model.safetensors").stat().st_size for name in ("grounder", "encoder")]
    assert sizes[0] < 0.2 * sizes[1]


def test_the_digest_covers_heads_and_trunk(models: Path) -> None:
    first = Suite.load(models).grounder.card.digest
    assert first == folder_digest(models / "grounder", trunk=models / "encoder")
    assert first != folder_digest(models / "grounder")
    for part in ("grounder", "encoder"):
        file = models / part / "model.safetensors"
        before = file.read_bytes()
        save_file({name: tensor + 0.5 for name, tensor in load_file(file).items()}, file, {"format": "pt"})
        assert Suite.load(models).grounder.card.digest != first
        file.write_bytes(before)
    text = (models / "suite.toml").read_text("utf-8")
    pinned = text.replace('path = "grounder"', f'path = "grounder"\ndigest = "{first}"')
    (models / "suite.toml").write_text(pinned, "utf-8")
    assert Suite.load(models).grounder.card.digest == first
    (models / "encoder" / "config.json").write_text("{}", "utf-8")
    with pytest.raises(SuiteError, match=f"but its suite expects {first}"):
        _ = Suite.load(models).grounder


def test_a_whole_owlv2_needs_no_trunk(models: Path, pictures: list[RGB]) -> None:
    suite: Any = Suite.load(models)
    whole = models / "whole"
    suite.grounder.load()._model.save_pretrained(whole)
    suite.grounder.load()._tokenizer.save_pretrained(whole)
    asked = [PHRASES] * len(pictures)
    assert Owlv2Grounder(Origin(whole)).ground(pictures, asked) == suite.grounder.ground(pictures, asked)


def test_a_grounder_without_its_parts_is_an_error(models: Path) -> None:
    file = models / "grounder" / "model.safetensors"
    own = load_file(file)
    save_file({name: tensor for name, tensor in own.items() if "box_head" not in name}, file, {"format": "pt"})
    with pytest.raises(SuiteError, match=r"leave 6 parameters of Owlv2ForObjectDetection unset, 'box_head"):
        Suite.load(models).grounder.load()
    save_file(own | {"owlv2.vision_model.encoder.layers.9.x": torch.ones(1)}, file, {"format": "pt"})
    with pytest.raises(SuiteError, match=r"no place for 1 weights, 'owlv2.vision_model.encoder.layers.9.x' first"):
        Suite.load(models).grounder.load()
    save_file(own, file, {"format": "pt"})
    (models / "encoder" / "model.safetensors").unlink()
    with pytest.raises(MissingWeights, match="no safetensors file in 'encoder'"):
        _ = Suite.load(models).grounder


def test_a_suite_without_a_grounder_says_so(models: Path) -> None:
    text = (models / "suite.toml").read_text("utf-8")
    start = text.index("[instruments.grounder]")
    (models / "suite.toml").write_text(text[:start] + text[text.index("[instruments.perceptual]") :], "utf-8")
    with pytest.raises(SuiteError, match=r"'fake' has no instrument 'grounder' \(it has: captioner, encoder"):
        _ = Suite.load(models).grounder

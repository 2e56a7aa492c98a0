"""The captioner, the encoder and the perceptual distance on tiny models of the real classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BlipImageProcessorPil, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from unprompt.errors import OptionError
from unprompt.instruments import Suite
from unprompt.instruments.blip import BlipCaptioner
from unprompt.instruments.cards import Origin
from unprompt.instruments.preprocessing import Normaliser
from unprompt.testing.fake_suite import CONTEXT, SIDE
from unprompt.types import RGB, Caption


def test_captions_are_the_same_alone_shuffled_and_again(suite: Suite, pictures: list[RGB]) -> None:
    together = suite.captioner.captions(pictures)
    assert together == [suite.captioner.captions([rgb])[0] for rgb in pictures]
    assert together[::-1] == suite.captioner.captions(pictures[::-1])
    assert all(caption.text and not caption.fallback for caption in together)
    assert len(set(together)) > 1


def test_captions_hold_no_special_tokens(suite: Suite, pictures: list[RGB]) -> None:
    assert not any("[" in caption.text for caption in suite.captioner.captions(pictures))


def test_caption_length_and_beams(fake: Path, pictures: list[RGB]) -> None:
    short = BlipCaptioner(Origin(fake / "captioner"), max_new_tokens=2)
    assert all(len(caption.text.split()) == 2 for caption in short.captions(pictures))
    beams = BlipCaptioner(Origin(fake / "captioner"), beams=3, max_new_tokens=4)
    assert beams.captions(pictures) == beams.captions(pictures)
    assert beams.card.parameters["beams"] == 3


def test_captions_stop_where_the_model_has_no_more_positions(fake: Path, pictures: list[RGB]) -> None:
    endless = BlipCaptioner(Origin(fake / "captioner"), max_new_tokens=500)
    assert len(endless.captions(pictures[:1])[0].text.split()) == CONTEXT - 1


def test_an_empty_answer_is_a_flagged_fallback(
    suite: Suite, pictures: list[RGB], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite.captioner, "_caption", lambda batch: ["  "] * len(batch))
    assert suite.captioner.captions(pictures[:1]) == [Caption("a picture", fallback=True)]


def test_a_captioner_of_no_tokens_is_refused(fake: Path) -> None:
    with pytest.raises(OptionError, match="beams and max_new_tokens must be at least 1, got 1 and 0"):
        BlipCaptioner(Origin(fake / "captioner"), max_new_tokens=0)


def test_normalisation_is_that_of_the_image_processors(pictures: list[RGB]) -> None:
    rgb = pictures[0]  # 40 x 30: after resizing, 43 x 32 by either rounding up or to the nearest.
    whole = BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})(rgb, return_tensors="pt").pixel_values
    torch.testing.assert_close(Normaliser(SIDE).whole([rgb]), whole, rtol=0, atol=1e-5)
    square = rgb[:30]
    cropped = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    expected = cropped(square, return_tensors="pt").pixel_values
    torch.testing.assert_close(Normaliser(SIDE).cropped([square]), expected, rtol=0, atol=1e-5)


def test_embeddings_against_the_model_itself(suite: Suite, fake: Path, pictures: list[RGB]) -> None:
    clip, tokenizer = CLIPModel.from_pretrained(fake / "encoder"), CLIPTokenizer.from_pretrained(fake / "encoder")
    with torch.no_grad():
        pooled = clip.vision_model(pixel_values=Normaliser(SIDE).cropped(pictures)).pooler_output
        seen = clip.visual_projection(pooled)
        read = clip.get_text_features(**tokenizer(["a red ball"], return_tensors="pt")).pooler_output
    np.testing.assert_allclose(suite.encoder.embed_pictures(pictures), seen.numpy(), atol=1e-4)
    np.testing.assert_allclose(suite.encoder.embed_texts(["a red ball"]), read.numpy(), atol=1e-4)


def test_embeddings_are_the_same_alone_and_in_a_batch(suite: Suite, pictures: list[RGB]) -> None:
    together = suite.encoder.embed_pictures(pictures)
    assert together.shape == (7, suite.encoder.width)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    np.testing.assert_allclose(
        together, np.concatenate([suite.encoder.embed_pictures([p]) for p in pictures]), atol=1e-4
    )
    texts = ["", "a red ball", "a blue cube on sand and grass", "wood"]
    alone = np.concatenate([suite.encoder.embed_texts([text]) for text in texts])
    np.testing.assert_allclose(suite.encoder.embed_texts(texts), alone, atol=1e-4)


def test_embeddings_are_not_normalised(suite: Suite, pictures: list[RGB]) -> None:
    lengths = np.linalg.norm(suite.encoder.embed_pictures(pictures), axis=1)
    assert not np.allclose(lengths, 1, atol=0.1)


def test_long_texts_are_cut_at_the_context(suite: Suite) -> None:
    long = "a red ball and " * 30
    np.testing.assert_array_equal(suite.encoder.embed_texts([long]), suite.encoder.embed_texts([long + long]))


def test_nothing_in_nothing_out(suite: Suite) -> None:
    assert suite.encoder.embed_pictures([]).shape == (0, suite.encoder.width)
    assert suite.captioner.captions([]) == []


def test_distance_against_a_computation_by_hand(suite: Suite, fake: Path, pictures: list[RGB]) -> None:
    left, right = pictures[0], pictures[5]
    tower = CLIPModel.from_pretrained(fake / "encoder").vision_model
    with torch.no_grad():
        states = [
            tower(pixel_values=Normaliser(SIDE).whole([rgb]), output_hidden_states=True).hidden_states
            for rgb in (left, right)
        ]
    total = 0.0
    for layer in (1, 2, 3):
        f, g = (side[layer][0, 1:].numpy().astype(np.float64) for side in states)  # 16 cells x 16 channels
        f, g = (x / np.sqrt((x**2).sum(axis=1, keepdims=True)) for x in (f, g))
        total += ((f - g) ** 2).sum(axis=1).mean()
    assert suite.perceptual.distances([left], [right]) == pytest.approx(total, rel=1e-4)


def test_distance_is_nought_for_equal_pictures_only_and_symmetric(suite: Suite, pictures: list[RGB]) -> None:
    assert (suite.perceptual.distances(pictures, pictures) == 0).all()
    there = suite.perceptual.distances(pictures[:3], pictures[3:6])
    assert (there > 0).all()
    np.testing.assert_allclose(there, suite.perceptual.distances(pictures[3:6], pictures[:3]), rtol=1e-4)
    np.testing.assert_allclose(there[1], suite.perceptual.distances([pictures[1]], [pictures[4]])[0], rtol=1e-4)

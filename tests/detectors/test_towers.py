"""Towers of which some layers are held: which move, what a checkpoint keeps of them, and who cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unprompt.detectors import EVERY, checkpoint
from unprompt.detectors.base import Model
from unprompt.detectors.towers import ImageTower, TextTower, freeze
from unprompt.errors import SuiteError
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite


def fitted(method: str, suite: Suite, layers: int) -> Model[Any, Any]:
    made = EVERY[method]
    return made(suite, made.fitting_options(suite).override({"layers": layers}))


def test_the_last_layers_and_what_follows_are_learned(suite: Suite) -> None:
    image, text = ImageTower(suite.encoder, 1), TextTower(suite.encoder, 1)
    for tower, learned in ((image.vision, "post_layernorm."), (text.text, "final_layer_norm.")):
        depth = len(tower.encoder.layers)
        last = f"encoder.layers.{depth - 1}."
        assert depth > 1
        moving = {name for name, weight in tower.named_parameters() if weight.requires_grad}
        assert moving == {name for name, _ in tower.named_parameters() if name.startswith((last, learned))}
    assert all(weight.requires_grad for part in (image, text) for weight in part.projection.parameters())


@pytest.mark.parametrize("method", ["semgir", "semgir-a"])
def test_what_is_held_lies_in_the_suite_alone(method: str, suite: Suite, cache: ProductCache, tmp_path: Path) -> None:
    whole, some = fitted(method, suite, 0), fitted(method, suite, 1)
    with torch.no_grad():
        for weight in some.network.parameters():
            if weight.requires_grad:
                weight += 0.01
    evidence = some.extractor.extract(cache)
    for name, one in (("whole", whole), ("some", some)):
        one.save(tmp_path / name)
    _, kept = checkpoint.load(tmp_path / "some")
    _, all_of_it = checkpoint.load(tmp_path / "whole")
    assert kept.keys() < all_of_it.keys()
    assert {name for name, weight in some.network.named_parameters() if weight.requires_grad} <= kept.keys()
    again = type(some).load(tmp_path / "some", suite)
    np.testing.assert_array_equal(again.logits(evidence), some.logits(evidence))


def test_a_text_encoder_that_is_not_learned_is_not_stored(suite: Suite, cache: ProductCache, tmp_path: Path) -> None:
    made = EVERY["semgir-a"]
    some = made(suite, made.fitting_options(suite).override({"learn_text": False}))
    some.save(tmp_path / "some")
    _, kept = checkpoint.load(tmp_path / "some")
    assert not any(name.startswith("text.") for name in kept)
    assert any(name.startswith("image.") for name in kept)
    evidence = some.extractor.extract(cache)
    np.testing.assert_array_equal(made.load(tmp_path / "some", suite).logits(evidence), some.logits(evidence))


def test_a_tower_without_so_many_layers_says_what_it_has(suite: Suite) -> None:
    with pytest.raises(SuiteError, match=r"--layers is 9, but the encoder's CLIPVisionModel has 3 transformer"):
        ImageTower(suite.encoder, 9)
    with pytest.raises(SuiteError, match=r"--layers is 1, but the encoder's Linear has no transformer layers: choose"):
        freeze(nn.Linear(2, 2), 1)

"""The generators that are not shipped: their road from scenes to a suite that draws beside another."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import VQModel
from torch import Tensor

from unprompt.datasets import load_manifest
from unprompt.datasets.miniature import Counts, materialise
from unprompt.errors import DataError
from unprompt.instruments import Suite
from unprompt.recipes.miniature import adversarial, masked, quantiser
from unprompt.recipes.miniature.adversarial import Critic, Duel
from unprompt.recipes.miniature.drawing import prompt_tokenizer, prompts
from unprompt.recipes.miniature.recipe import FURTHER, run
from unprompt.recipes.miniature.rivalry import slope
from unprompt.recipes.miniature.stage import BuildContext, as_tensor

CAPTIONS = ("a red ball on wood", "a blue cube on sand")


@pytest.fixture
def made(brief: BuildContext, monkeypatch: pytest.MonkeyPatch) -> Suite:
    for stage in (adversarial, masked):
        monkeypatch.setattr(stage, "agreement", lambda context, draw: {"facts": 0.5})
    run(brief, stages=FURTHER)
    return Suite.load(brief.cache / "families")


def test_they_are_trained_and_draw_beside_the_suites_own(made: Suite, fake: Path, tmp_path: Path) -> None:
    assert list(made.generators) == list(made.candidates) == ["gan", "masked"]
    for name in made.generators:
        (first,), (again,), (other,) = (made.generator(name).regenerate([CAPTIONS[0]], [seed]) for seed in (1, 1, 2))
        assert first.shape == (64, 64, 3)
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()
    folder = materialise(tmp_path / "data", [Suite.load(fake), made], Counts(2, 1, 1))
    found = Counter((one.generator, one.split) for one in load_manifest(str(folder / "manifest.csv")))
    assert {split: found["gan", split] for split in ("train", "validation", "test")} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    assert found["masked", "train"] == 2
    assert not found["flow", "train"]
    with pytest.raises(DataError, match=re.escape("generator 'gan' is in suite 'families' and in 'families'")):
        materialise(tmp_path / "data", [made, made], Counts(1, 1, 1))


def test_codes_begin_as_the_means_of_cells_and_each_cell_takes_the_nearest() -> None:
    torch.manual_seed(0)
    model = quantiser.build().eval()
    pictures = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    quantiser.fit_codebook(model, pictures)
    with torch.no_grad():
        cells = model.encode(pictures).latents.permute(0, 2, 3, 1).reshape(-1, quantiser.WIDTH)
    codes, book = quantiser.encoded(model, pictures), model.quantize.embedding.weight
    nearest = (cells[:, None] - book[None]).square().sum(-1).argmin(1)
    torch.testing.assert_close(codes.flatten(), nearest)
    assert codes.unique().numel() > quantiser.CODES / 2
    for code in (int(codes[0, 0, 0]), int(codes[3, 5, 7])):
        torch.testing.assert_close(book[code], cells[nearest == code].mean(0), atol=0.05, rtol=0.05)


def test_codes_are_drawn_as_the_model_draws_them() -> None:
    model: VQModel = quantiser.build().eval()
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(pictures).sample.clamp(0, 1)
    torch.testing.assert_close(quantiser.decoded(model, quantiser.encoded(model, pictures)), expected)


def test_scenes_are_encoded_in_the_range_of_the_autoencoder(brief: BuildContext) -> None:
    model, scenes = quantiser.build().eval(), brief.scenes()
    expected = quantiser.encoded(model, (as_tensor(scenes.pictures) + 1) / 2)
    torch.testing.assert_close(masked.encoded(model, scenes).long(), expected)


class Slanted(Critic):
    """Judges a picture by a plane: its slope is known."""

    def forward(self, pictures: Tensor, words: Tensor) -> Tensor:
        return (pictures * torch.linspace(-1, 1, 64)).sum((1, 2, 3))[:, None]


def test_a_slope_is_the_squared_length_of_the_gradient() -> None:
    tokenizer = prompt_tokenizer(CAPTIONS)
    duel = Duel(tokenizer)
    duel.critic = Slanted(tokenizer)
    x, noise = torch.zeros(512, 3, 64, 64), torch.Generator().manual_seed(0)
    found = slope(duel.critic, x, duel.critic(x, x), noise, x)
    assert found.item() == pytest.approx(3 * 64 * torch.linspace(-1, 1, 64).square().sum().item(), rel=0.2)


def test_each_side_of_the_duel_learns_from_its_own_loss() -> None:
    torch.manual_seed(0)
    tokenizer = prompt_tokenizer(CAPTIONS)
    duel, words = Duel(tokenizer), prompts(tokenizer, CAPTIONS).tokens
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    duel.loss(x, words, torch.Generator().manual_seed(2)).backward()
    found = [weight.grad.clone() for weight in duel.critic.parameters() if weight.grad is not None]
    duel.zero_grad()
    noise = torch.Generator().manual_seed(2)
    drawn = duel.draw(words, noise).detach()
    real, other, made = duel.critic(x, words), duel.critic(x, words.flip(0)), duel.critic(drawn, words)
    slopes = slope(duel.critic, x, real, noise, words) + slope(duel.critic, drawn, made, noise, words)
    judged = torch.nn.functional.softplus(torch.cat([made - real, other - real])).sum() / 2 + slopes / 2
    judged.backward()
    expected = [weight.grad for weight in duel.critic.parameters() if weight.grad is not None]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert all(weight.grad is None for weight in duel.drawing.unet.parameters())

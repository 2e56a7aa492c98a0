"""SDXL: img2img against DDIM written by hand, with both texts and the picture's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from unprompt.errors import MissingWeights
from unprompt.instruments.cards import Origin
from unprompt.instruments.loading import quietly
from unprompt.instruments.stable_diffusion_xl import StableDiffusionXL
from unprompt.testing.fake_paper import save_stable_diffusion_xl
from unprompt.testing.fake_suite import CONTEXT, SIDE
from unprompt.types import RGB

GUIDANCE = 5.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xl")
    with torch.random.fork_rng(), quietly():
        torch.manual_seed(4)
        save_stable_diffusion_xl(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> StableDiffusionXL:
    return StableDiffusionXL(Origin(folder), steps=10, guidance=GUIDANCE, side=SIDE)


def texts(folder: Path, caption: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Both encoders' last states but one, side by side, and the pooled, projected text of the second."""
    states, pooled = [], torch.zeros(0)
    for number, build in (("", CLIPTextModel), ("_2", CLIPTextModelWithProjection)):
        tokenizer = CLIPTokenizer.from_pretrained(folder / f"tokenizer{number}")
        tokens = tokenizer(caption, padding="max_length", max_length=CONTEXT, return_tensors="pt").input_ids
        read = build.from_pretrained(folder / f"text_encoder{number}").eval()(tokens, output_hidden_states=True)
        states.append(read.hidden_states[-2])
        pooled = read[0]
    return torch.cat(states, dim=-1), pooled


def by_hand(folder: Path, picture: RGB, caption: str, seed: int) -> RGB:
    """Five of ten deterministic DDIM steps; without words, both texts are nought."""
    vae = AutoencoderKL.from_pretrained(folder / "vae").eval()
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    alphas = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    noise = torch.Generator().manual_seed(seed)
    words, pooled = texts(folder, caption)
    height, width = picture.shape[:2]
    size = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32)
    posterior = vae.encode(torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1).latent_dist
    z = posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=noise)
    z = z * vae.config.scaling_factor
    times = [100 * step + 1 for step in range(5)][::-1]
    z = alphas[times[0]] ** 0.5 * z + (1 - alphas[times[0]]) ** 0.5 * torch.randn(z.shape, generator=noise)
    for t in times:

        def predicted(words: torch.Tensor, pooled: torch.Tensor, z: torch.Tensor = z, t: int = t) -> torch.Tensor:
            more = {"text_embeds": pooled, "time_ids": size}
            return unet(z, t, encoder_hidden_states=words, added_cond_kwargs=more).sample

        free = predicted(torch.zeros_like(words), torch.zeros_like(pooled))
        epsilon = free + GUIDANCE * (predicted(words, pooled) - free)
        a, a_next = alphas[t], alphas[max(t - 100, 0)]
        z = a_next**0.5 * (z - (1 - a) ** 0.5 * epsilon) / a**0.5 + (1 - a_next) ** 0.5 * epsilon
    drawn = vae.decode(z / vae.config.scaling_factor).sample[0].permute(1, 2, 0)
    return ((drawn / 2 + 0.5).clamp(0, 1) * 255).round().numpy().astype(np.uint8)


def test_reconstruction_is_ddim_by_hand(model: StableDiffusionXL, folder: Path, pictures: list[RGB]) -> None:
    picture = model.prepare(pictures[5])
    with torch.no_grad():
        expected = by_hand(folder, picture, "a red ball", 11)
    found = model.reconstruct([pictures[5]], ["a red ball"], [11])[0]
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert found.std() > 5


def test_words_seed_and_nothing_else_move_a_drawing(model: StableDiffusionXL) -> None:
    first, again, other, reseeded = model.regenerate(["a red ball", "a red ball", "sand", "a red ball"], [1, 1, 1, 2])
    assert first.shape == (SIDE, SIDE, 3)
    assert first.std() > 5
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, reseeded)


def test_every_size_comes_back(model: StableDiffusionXL, pictures: list[RGB]) -> None:
    captions = ["a ball", "", "wood", "", "sand", "a cube", ""]
    made = model.reconstruct(pictures, captions, list(range(7)))
    assert [rgb.shape for rgb in made] == [model.prepare(rgb).shape for rgb in pictures]
    alone = model.reconstruct(pictures[6:], captions[6:], [6])[0]
    np.testing.assert_array_equal(alone, made[6])


def test_no_watermark_and_no_progress(model: StableDiffusionXL, capfd: pytest.CaptureFixture[str]) -> None:
    model.regenerate(["a ball and " * 40], [1])
    assert capfd.readouterr() == ("", "")
    assert model._text2img.watermark is None
    assert model._img2img.watermark is None
    assert model._img2img.unet is model._text2img.unet


def test_its_second_reader_has_to_be_there(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "xl"))
    (copy / "text_encoder_2" / "model.safetensors").unlink()
    words = "'org/xl' are not on this machine .no safetensors file in 'text_encoder_2'"
    with pytest.raises(MissingWeights, match=words):
        StableDiffusionXL(Origin(copy, "org/xl", suite="paper"))


def test_neighbours_and_place_move_no_picture(folder: Path, pictures: list[RGB]) -> None:
    model = StableDiffusionXL(Origin(folder), steps=4, guidance=GUIDANCE, side=SIDE)
    model.batch_size = 3
    captions, seeds = ["a ball", "", "wood", "", "sand", "a cube", ""], list(range(7))
    whole = model.reconstruct(pictures, captions, seeds)
    turned = model.reconstruct(pictures[::-1], captions[::-1], seeds[::-1])[::-1]
    for first, second in zip(whole, turned, strict=True):
        np.testing.assert_allclose(first.astype(int), second, atol=1)
    assert StableDiffusionXL(Origin(folder), device="meta").batch_size == 2

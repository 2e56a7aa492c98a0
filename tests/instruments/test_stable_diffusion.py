"""Reconstruction and regeneration, the first against DDIM written by hand from SARE's equations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from unprompt.errors import OptionError
from unprompt.images import fit_long
from unprompt.instruments import Suite
from unprompt.instruments.cards import Origin
from unprompt.instruments.stable_diffusion import Sampling, StableDiffusion, pad_edges
from unprompt.testing.fake_suite import CONTEXT, SIDE, save_stable_diffusion
from unprompt.types import RGB

CAPTIONS = ["a red ball", "", "a blue cube on sand", "wood", "green grass", "", "a cone"]
SEEDS = [3, 1, 4, 1, 5, 9, (1 << 63) - 1]


@pytest.fixture(scope="module")
def paper(fake: Path) -> StableDiffusion:
    """The paper's strength, steps and guidance on the tiny models."""
    return StableDiffusion(Origin(fake / "diffusion"), side=SIDE)


@pytest.fixture(scope="module")
def brief(fake: Path) -> StableDiffusion:
    return StableDiffusion(Origin(fake / "diffusion"), side=SIDE, steps=8)


def by_hand(folder: Path, picture: RGB, caption: str, seed: int, guidance: float) -> RGB:
    """z_t = sqrt(a_t) z + sqrt(1 - a_t) eps, then 25 deterministic DDIM steps of 50, decoded: H x W x 3."""
    vae = AutoencoderKL.from_pretrained(folder / "vae").eval()
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    reader = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    alphas = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    times = [20 * step + 1 for step in range(25)][::-1]  # Half of 1000 / 50 = 20 apart, offset 1.
    noise = torch.Generator().manual_seed(seed)
    told, untold = (
        reader(tokenizer(text, padding="max_length", max_length=CONTEXT, return_tensors="pt").input_ids)[0]
        for text in (caption, "")
    )
    pixels = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    posterior = vae.encode(pixels).latent_dist
    z = posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=noise)
    z = z * vae.config.scaling_factor
    a = alphas[times[0]]
    z = a**0.5 * z + (1 - a) ** 0.5 * torch.randn(z.shape, generator=noise)  # Equation 1.
    for t in times:
        free = unet(z, t, encoder_hidden_states=untold).sample
        epsilon = free + guidance * (unet(z, t, encoder_hidden_states=told).sample - free)  # Equation 2.
        a, a_next = alphas[t], alphas[max(t - 20, 0)]
        z_0 = (z - (1 - a) ** 0.5 * epsilon) / a**0.5
        z = a_next**0.5 * z_0 + (1 - a_next) ** 0.5 * epsilon  # Equation 3.
    drawn = vae.decode(z / vae.config.scaling_factor).sample[0].permute(1, 2, 0)
    return ((drawn / 2 + 0.5).clamp(0, 1) * 255).round().numpy().astype(np.uint8)


@pytest.mark.parametrize(("caption", "guidance"), [("a red ball", 7.5), ("", 1.0)])
def test_reconstruction_is_ddim_by_hand(
    paper: StableDiffusion, fake: Path, pictures: list[RGB], caption: str, guidance: float
) -> None:
    picture = paper.prepare(pictures[5])  # 32 x 24: no padding.
    with torch.no_grad():
        expected = by_hand(fake / "diffusion", picture, caption, 11, guidance)
    found = paper.reconstruct([pictures[5]], [caption], [11])[0]
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert found.std() > 5


def test_an_empty_caption_is_the_unconditional_model(paper: StableDiffusion, fake: Path, pictures: list[RGB]) -> None:
    """Guidance from "" towards "" changes nothing, whatever its weight."""
    with torch.no_grad():
        expected = by_hand(fake / "diffusion", paper.prepare(pictures[5]), "", 11, 7.5)
    assert np.abs(paper.reconstruct([pictures[5]], [""], [11])[0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("strength", "steps", "real"), [(0.5, 50, 25), (0.3, 50, 15), (1.0, 50, 50), (0.5, 5, 2)])
def test_real_steps(
    paper: StableDiffusion,
    pictures: list[RGB],
    monkeypatch: pytest.MonkeyPatch,
    strength: float,
    steps: int,
    real: int,
) -> None:
    monkeypatch.setattr(paper, "sampling", Sampling(strength, steps, side=SIDE))
    unet, calls = paper.load()._img2img.unet, []
    forward = unet.forward
    monkeypatch.setattr(unet, "forward", lambda *inputs, **named: calls.append(1) or forward(*inputs, **named))
    paper.reconstruct(pictures[:1], ["a ball"], [1])
    assert len(calls) == paper.sampling.real_steps == real


def test_defaults_are_the_papers() -> None:
    assert Sampling() == Sampling(strength=0.5, steps=50, guidance=7.5, side=512)


def test_a_strength_that_whole_steps_miss_is_told(caplog: pytest.LogCaptureFixture) -> None:
    Sampling(strength=0.35, steps=20)
    Sampling(strength=0.3, steps=4)
    assert not caplog.messages
    Sampling(strength=0.7, steps=4)
    assert caplog.messages == [
        "strength 0.7 of 4 steps is 2 of them, a strength of 0.5: with more steps it would be nearer"
    ]


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        ({"strength": 0.0}, r"strength must be in \(0, 1\], got 0.0"),
        ({"strength": 1.5}, r"strength must be in \(0, 1\], got 1.5"),
        ({"strength": 0.1, "steps": 9}, "strength 0.1 x steps 9 leaves no step"),
        ({"side": 0}, "side must be at least 1, got 0"),
    ],
)
def test_wrong_sampling(sampling: dict[str, float], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Sampling(**sampling)


def test_reconstructions_have_the_prepared_size_and_order(brief: StableDiffusion, pictures: list[RGB]) -> None:
    made = brief.reconstruct(pictures, CAPTIONS, SEEDS)
    assert [rgb.shape for rgb in made] == [brief.prepare(rgb).shape for rgb in pictures]
    assert [rgb.shape[:2] for rgb in made] == [(32, 24), (1, 32), (32, 1), (32, 32), (32, 32), (32, 24), (19, 32)]
    assert all(rgb.dtype == np.uint8 for rgb in made)


def test_reconstructions_do_not_depend_on_the_batch(brief: StableDiffusion, pictures: list[RGB]) -> None:
    together = brief.reconstruct(pictures, CAPTIONS, SEEDS)
    turned = brief.reconstruct(pictures[::-1], CAPTIONS[::-1], SEEDS[::-1])[::-1]
    for place, rgb in enumerate(pictures):
        alone = brief.reconstruct([rgb], [CAPTIONS[place]], [SEEDS[place]])[0]
        np.testing.assert_allclose(together[place].astype(int), alone, atol=1)
        np.testing.assert_allclose(together[place].astype(int), turned[place], atol=1)


def test_the_same_again_is_the_same_to_the_bit(brief: StableDiffusion, pictures: list[RGB]) -> None:
    first, second = (brief.reconstruct(pictures[:3], CAPTIONS[:3], SEEDS[:3]) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_caption_and_seed_move_a_reconstruction(brief: StableDiffusion, pictures: list[RGB]) -> None:
    guided, unguided, other = brief.reconstruct([pictures[3]] * 3, ["a red ball", "", "a red ball"], [1, 1, 2])
    assert not np.array_equal(guided, unguided)
    assert not np.array_equal(guided, other)


def test_padding_repeats_the_edge_and_is_cut_away(brief: StableDiffusion, pictures: list[RGB]) -> None:
    prepared = brief.prepare(pictures[6])  # 19 x 32
    padded = pad_edges(prepared, 8)
    assert padded.shape == (24, 32, 3)
    assert (padded[19:] == prepared[18]).all()
    whole = brief.reconstruct([padded], ["a ball"], [1])[0]
    np.testing.assert_array_equal(brief.reconstruct([pictures[6]], ["a ball"], [1])[0], whole[:19])


def test_sizes_that_the_unet_cannot_halve_evenly(tmp_path: Path) -> None:
    """8 x 24 pixels are 2 x 6 latent cells, halved twice to 1 x 2: the skips are met by size."""
    more = {"down_block_types": ["DownBlock2D"] * 3, "up_block_types": ["UpBlock2D"] * 3}
    save_stable_diffusion(tmp_path, block_out_channels=(16, 16, 16), **more)
    strip = np.full((8, 24, 3), 90, np.uint8)
    model = StableDiffusion(Origin(tmp_path), side=24, steps=4)
    assert model.reconstruct([strip], ["a ball"], [1])[0].shape == model.prepare(strip).shape == (8, 24, 3)


def test_prepare_fits_the_longer_side(paper: StableDiffusion, pictures: list[RGB]) -> None:
    np.testing.assert_array_equal(paper.prepare(pictures[0]), fit_long(pictures[0], SIDE))


def test_regenerations_depend_on_caption_and_seed_alone(brief: StableDiffusion) -> None:
    captions, seeds = ["a red ball", "a red ball", "a red ball", "wood", "", "a cone", "sand"], [1, 1, 2, 1, 1, 5, 6]
    made = brief.regenerate(captions, seeds)
    assert {rgb.shape for rgb in made} == {(SIDE, SIDE, 3)}
    np.testing.assert_allclose(made[0].astype(int), made[1], atol=1)
    assert not np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[3])
    for place in (0, 4, 6):
        alone = brief.regenerate([captions[place]], [seeds[place]])[0]
        np.testing.assert_allclose(made[place].astype(int), alone, atol=1)


def test_guidance_moves_a_regeneration(suite: Suite, fake: Path) -> None:
    free = StableDiffusion(Origin(fake / "diffusion"), steps=4, guidance=1.0)
    assert not np.array_equal(suite.diffusion.regenerate(["a ball"], [1])[0], free.regenerate(["a ball"], [1])[0])


def test_any_checkpoint_is_sampled_by_ddim(
    paper: StableDiffusion, fake: Path, pictures: list[RGB], tmp_path: Path
) -> None:
    """A checkpoint that names another sampler, as Stable Diffusion 1.4 does, gives the same pictures."""
    folder = Path(shutil.copytree(fake / "diffusion", tmp_path / "sd"))
    file = folder / "scheduler" / "scheduler_config.json"
    stated = json.loads(file.read_text("utf-8"))
    stated |= {"_class_name": "PNDMScheduler", "_diffusers_version": "0.7.0.dev0", "skip_prk_steps": True}
    stated.pop("clip_sample")
    file.write_text(json.dumps(stated | {"steps_offset": 0}), "utf-8")
    other = StableDiffusion(Origin(folder), side=SIDE).reconstruct(pictures[:1], ["wood"], [1])[0]
    np.testing.assert_array_equal(other, paper.reconstruct(pictures[:1], ["wood"], [1])[0])


def test_long_captions_are_cut(brief: StableDiffusion) -> None:
    long = "a red ball and " * 30
    first, second = brief.regenerate([long], [1])[0], brief.regenerate([long + long], [1])[0]
    np.testing.assert_array_equal(first, second)


def test_velocity_models_down_to_pure_noise(fake: Path, pictures: list[RGB], tmp_path: Path) -> None:
    """The schedule that the miniature is trained with: no step divides by the zero at its end."""
    folder = Path(shutil.copytree(fake / "diffusion", tmp_path / "sd"))
    file = folder / "scheduler" / "scheduler_config.json"
    stated = {"prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | stated), "utf-8")
    model = StableDiffusion(Origin(folder), side=SIDE)
    made = [*model.reconstruct(pictures[:1], ["wood"], [1]), *model.regenerate(["wood"], [1])]
    assert all(rgb.std() > 5 for rgb in made)
    assert model._img2img.scheduler.config.timestep_spacing == "trailing"


@pytest.fixture
def three(fake: Path) -> StableDiffusion:
    """Three pictures at a time, as off a CPU."""
    model = StableDiffusion(Origin(fake / "diffusion"), steps=4, side=SIDE)
    model.batch_size = 3
    return model


def counted(model: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all that goes through its UNet from now on."""
    unet, shapes = model.load()._text2img.unet, []
    forward = unet.forward

    def noted(latents: torch.Tensor, *inputs: object, **named: object) -> object:
        shapes.append(tuple(latents.shape))
        return forward(latents, *inputs, **named)

    monkeypatch.setattr(unet, "forward", noted)
    return shapes


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_and_place_move_no_picture(three: StableDiffusion, pictures: list[RGB], seed: int) -> None:
    """Batches have one shape, so that the kernels are the same; here, on a CPU, every bit is.

    No library promises that a row's place in a batch moves nothing, so one step of a few values is admitted.
    """
    tasks = [*zip(pictures, CAPTIONS, SEEDS, strict=True), *zip(pictures[::-1], CAPTIONS, SEEDS, strict=True)]
    whole = three.reconstruct(*zip(*tasks, strict=True))
    drawn = three.regenerate([task[1] for task in tasks], [task[2] for task in tasks])
    order = np.random.default_rng(seed).permutation(len(tasks))[: 14 - 3 * seed]
    some = three.reconstruct(*zip(*(tasks[i] for i in order), strict=True))
    redrawn = three.regenerate([tasks[i][1] for i in order], [tasks[i][2] for i in order])
    for place, rgb, other in zip(order, some, redrawn, strict=True):
        for first, second in ((whole[place], rgb), (drawn[place], other)):
            moved = np.abs(first.astype(int) - second)
            assert moved.max() <= 1
            assert (moved > 0).mean() < 0.01


def test_every_batch_has_one_shape(
    three: StableDiffusion, pictures: list[RGB], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = counted(three, monkeypatch)
    three.reconstruct(pictures, CAPTIONS, SEEDS)
    assert {shape[0] for shape in shapes} == {3, 6}  # without guidance and with it
    padded = [pad_edges(three.prepare(rgb), 8).shape for rgb in pictures]
    sizes = {(*shape, bool(text)) for shape, text in zip(padded, CAPTIONS, strict=True)}
    assert len(shapes) == three.sampling.real_steps * len(sizes)
    shapes.clear()
    three.regenerate(CAPTIONS, SEEDS)
    assert shapes == [(6, 4, 8, 8)] * 3 * 4


def test_each_caption_is_read_once_and_no_caption_once_a_model(
    three: StableDiffusion, pictures: list[RGB], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, read = three.load()._text2img.text_encoder, []
    forward = reader.forward

    def noted(ids: torch.Tensor, *inputs: object, **named: object) -> object:
        read.append(len(ids))
        return forward(ids, *inputs, **named)

    monkeypatch.setattr(reader, "forward", noted)
    three.reconstruct(pictures[:4], ["a ball", "wood", "a ball", "a ball"], SEEDS[:4])
    assert read == [1] * 4  # two captions, and none together with the empty one
    three.regenerate(["sand"] * 5, SEEDS[:5])
    assert read == [1] * 5


@pytest.mark.parametrize(("device", "size"), [("cpu", 1), ("meta", 4)])
def test_one_picture_at_a_time_on_a_cpu_alone(fake: Path, device: str, size: int) -> None:
    assert StableDiffusion(Origin(fake / "diffusion"), device=device).batch_size == size
    assert Suite.load(fake, device=device).diffusion.batch_size == size
    assert Suite.load(fake, device=device, batch_size=5).diffusion.batch_size == 5
    assert Suite.load(fake, device=device).encoder.batch_size == 32

"""Solvers and guidance in an interval, against samplers written by hand from the papers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from unprompt.errors import OptionError
from unprompt.instruments.cards import Origin
from unprompt.instruments.sampling import Sampling
from unprompt.instruments.stable_diffusion import StableDiffusion
from unprompt.testing.fake_suite import CONTEXT, SIDE
from unprompt.types import RGB

GUIDANCE = 7.5


class Hand:
    """The fake suite's diffusion, its parts called one by one."""

    def __init__(self, folder: Path, caption: str) -> None:
        self.vae = AutoencoderKL.from_pretrained(folder / "vae").eval()
        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        reader = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
        self.told, self.untold = (
            reader(tokenizer(text, padding="max_length", max_length=CONTEXT, return_tensors="pt").input_ids)[0]
            for text in (caption, "")
        )
        self.alphas = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)

    def noise(self, z: torch.Tensor, t: int, guided: bool) -> torch.Tensor:
        """The predicted noise under guidance, or without."""
        told: torch.Tensor = self.unet(z, t, encoder_hidden_states=self.told).sample
        if not guided:
            return told
        free: torch.Tensor = self.unet(z, t, encoder_hidden_states=self.untold).sample
        return free + GUIDANCE * (told - free)

    def start(self, picture: RGB, seed: int, t: int) -> torch.Tensor:
        """The noised latent, SARE equation 1."""
        drawn = torch.Generator().manual_seed(seed)
        posterior = self.vae.encode(torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1)
        z = posterior.latent_dist.mean + posterior.latent_dist.std * torch.randn(
            posterior.latent_dist.mean.shape, generator=drawn
        )
        z = z * self.vae.config.scaling_factor
        a = float(self.alphas[t])
        return a**0.5 * z + (1 - a) ** 0.5 * torch.randn(z.shape, generator=drawn)

    def decode(self, z: torch.Tensor) -> RGB:
        drawn = self.vae.decode(z / self.vae.config.scaling_factor).sample[0].permute(1, 2, 0)
        return np.asarray(((drawn / 2 + 0.5).clamp(0, 1) * 255).round().numpy().astype(np.uint8))


def ddim(hand: Hand, picture: RGB, seed: int, above: float, below: float) -> RGB:
    """25 steps of 50, guided where ``above`` <= t / 1000 <= ``below``."""
    times = [20 * step + 1 for step in range(25)][::-1]
    z = hand.start(picture, seed, times[0])
    for t in times:
        epsilon = hand.noise(z, t, above <= t / 1000 <= below)
        a, a_next = hand.alphas[t], hand.alphas[max(t - 20, 0)]
        z_0 = (z - (1 - a) ** 0.5 * epsilon) / a**0.5
        z = a_next**0.5 * z_0 + (1 - a_next) ** 0.5 * epsilon
    return hand.decode(z)


def half_log(a: float) -> float:
    """Half of the logarithm of the signal-to-noise ratio, the paper's lambda."""
    return float(0.5 * np.log(a / (1 - a)))


def dpm_solver(hand: Hand, picture: RGB, seed: int) -> RGB:
    """DPM-Solver++ (2M), Lu et al., 2022, algorithm 2: second order, the first and the last step of first order."""
    times = [499, 374, 249, 124]  # Half of 1000 / 8 = 125 apart, from pure noise at 999 on.
    levels = [hand.alphas[t] for t in times] + [1.0]
    z, before = hand.start(picture, seed, times[0]), None
    for place, t in enumerate(times):
        a, a_next = levels[place], levels[place + 1]
        z_0 = (z - (1 - a) ** 0.5 * hand.noise(z, t, True)) / a**0.5
        if a_next == 1.0:
            z = z_0
            break
        h, told = half_log(a_next) - half_log(a), z_0
        if before is not None:
            told = z_0 + h / (half_log(a) - half_log(levels[place - 1])) / 2 * (z_0 - before)
        z = ((1 - a_next) / (1 - a)) ** 0.5 * z - a_next**0.5 * np.expm1(-h) * told
        before = z_0
    return hand.decode(z)


def made(folder: Path, picture: RGB, **parameters: object) -> tuple[RGB, RGB]:
    """The picture at the working size, and its reconstruction."""
    model = StableDiffusion(Origin(folder), side=SIDE, **parameters)  # type: ignore[arg-type]
    return model.prepare(picture), model.reconstruct([picture], ["a red ball"], [11])[0]


@pytest.mark.parametrize(("above", "below"), [(0.2, 0.4), (0.0, 0.3), (0.45, 1.0)])
def test_guidance_in_an_interval_is_that_by_hand(fake: Path, pictures: list[RGB], above: float, below: float) -> None:
    prepared, found = made(fake / "diffusion", pictures[5], guided_above=above, guided_below=below)
    with torch.no_grad():
        expected = ddim(Hand(fake / "diffusion", "a red ball"), prepared, 11, above, below)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.abs(found.astype(int) - made(fake / "diffusion", pictures[5])[1]).max() > 1


def test_dpm_solver_is_that_by_hand(fake: Path, pictures: list[RGB]) -> None:
    prepared, found = made(fake / "diffusion", pictures[5], solver="dpm-solver++", steps=8)
    with torch.no_grad():
        expected = dpm_solver(Hand(fake / "diffusion", "a red ball"), prepared, 11)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_outside_the_interval_the_unet_works_half(fake: Path, pictures: list[RGB]) -> None:
    model = StableDiffusion(Origin(fake / "diffusion"), side=SIDE, steps=10, guided_above=0.2)
    rows: list[int] = []
    unet = model.load()._text2img.unet
    hook = unet.conv_in.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    try:
        model.reconstruct([pictures[5]], ["a red ball"], [11])
        model.reconstruct([pictures[5]], [""], [11])
    finally:
        hook.remove()
    assert rows == [2, 2, 2, 1, 1] + [1] * 5
    assert not unet._forward_pre_hooks


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "euler"}, "solver must be one of ddim, dpm-solver\\+\\+, lcm, got 'euler'"),
        ({"guided_above": 0.5, "guided_below": 0.5}, "guided_below <= 1, got 0.5 and 0.5"),
        ({"guided_above": -0.1}, "guided_below <= 1, got -0.1 and 1.0"),
        ({"guided_below": 1.1}, "guided_below <= 1, got 0.0 and 1.1"),
    ],
)
def test_bad_values(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Sampling(**parameters)  # type: ignore[arg-type]


def test_a_card_names_later_parameters_only_where_they_are_chosen() -> None:
    assert list(Sampling().parameters()) == ["strength", "steps", "guidance", "side"]
    assert Sampling(solver="dpm-solver++").parameters()["solver"] == "dpm-solver++"
    assert "guided_below" not in Sampling(guided_above=0.1).parameters()


def test_a_compiled_unet_draws_the_same(fake: Path, pictures: list[RGB]) -> None:
    """By a backend that traces and generates no code, since that takes a minute."""
    plain, other = (
        StableDiffusion(Origin(fake / "diffusion"), side=SIDE, steps=4, compiler=name) for name in ("", "eager")
    )
    one, two = (model.reconstruct([pictures[5]], [""], [11])[0] for model in (plain, other))
    assert np.abs(one.astype(int) - two).max() <= 1
    assert isinstance(other._text2img.unet, torch._dynamo.OptimizedModule)
    assert (other.card.parameters["compiler"], "compiler" in plain.card.parameters) == ("eager", False)
    with pytest.raises(OptionError, match=r"compiler must be one of .*inductor.*, or left out, got 'gcc'"):
        StableDiffusion(Origin(fake / "diffusion"), compiler="gcc")


def test_tiles_bound_what_the_autoencoder_takes_at_once(fake: Path, pictures: list[RGB]) -> None:
    def largest(model: StableDiffusion, side: int) -> int:
        sides = list[int]()
        with model.load()._text2img.vae.encoder.register_forward_pre_hook(
            lambda _, inputs: sides.extend(inputs[0].shape[2:])
        ):
            drawn.append(model.reconstruct([np.resize(pictures[5], (side, side, 3))], ["a"], [1])[0])
        return max(sides)

    drawn = list[RGB]()
    for side in (SIDE, 2 * SIDE):
        plain, tiled = (
            StableDiffusion(Origin(fake / "diffusion"), side=side, steps=4, tiling=on) for on in (False, True)
        )
        assert (largest(plain, side), largest(tiled, side)) == (side, SIDE)
        assert (tiled.card.parameters["tiling"], "tiling" in plain.card.parameters) == (True, False)
    assert np.array_equal(drawn[0], drawn[1]), "one tile is the whole"
    assert drawn[3].shape == (2 * SIDE, 2 * SIDE, 3)
    with pytest.raises(OptionError, match="tiling must be true or false, got 'yes'"):
        StableDiffusion(Origin(fake / "diffusion"), tiling="yes")  # type: ignore[arg-type]

"""The flow's drawings, on a tiny random model of 8 x 8 patches of 2 x 2 pixels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from unprompt.errors import MissingWeights, OptionError, SuiteError
from unprompt.instruments import Suite
from unprompt.instruments.cards import Origin
from unprompt.instruments.flow import TICKS, PixelFlow, guided, paint

CAPTIONS, SEEDS = ["a red ball", "a red ball", "a red ball", "wood", ""], [1, 1, 2, 1, (1 << 63) - 1]


def save(folder: Path, fake: Path, channels: int = 12) -> Path:
    """A random UNet beside the fake diffusion's text encoder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=(16, 32),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=8,
            norm_num_groups=8,
        )
    unet.save_pretrained(folder / "unet")
    for part in ("text_encoder", "tokenizer"):
        shutil.copytree(fake / "diffusion" / part, folder / part)
    return folder


@pytest.fixture(scope="module")
def folder(fake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("flow"), fake)


@pytest.fixture(scope="module")
def flow(folder: Path) -> PixelFlow:
    return PixelFlow(Origin(folder), steps=3).load()


def test_a_network_that_knows_the_picture_leads_straight_to_it() -> None:
    x, noise = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(5))
    seen: list[float] = []

    def predict(x_t: torch.Tensor, t: float) -> torch.Tensor:
        torch.testing.assert_close(x_t, (1 - t) * x + t * noise, atol=1e-5, rtol=1e-4)
        seen.append(t)
        return x

    torch.testing.assert_close(paint(predict, noise, 4), x)
    assert seen == [1, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(("weight", "expected"), [(0.0, 2.0), (1.0, 5.0), (3.0, 11.0)])
def test_guidance_goes_away_from_the_drawing_without_words(weight: float, expected: float) -> None:
    predict = guided(lambda x, t, words: words.view(-1, 1) + 0 * x, torch.tensor([5.0]), torch.tensor([2.0]), weight)
    assert predict(torch.zeros(1, 1), 0.5).item() == expected


def test_a_drawing_is_the_euler_sum_by_hand(flow: PixelFlow, folder: Path) -> None:
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    with torch.no_grad():
        told, untold = flow._read("a red ball"), flow._read("")
        x = torch.randn(1, 12, 8, 8, generator=torch.Generator().manual_seed(1))
        for t in (1, 2 / 3, 1 / 3):
            free, bound = (unet(x, t * TICKS, words).sample for words in (untold, told))
            x = x - ((x - (2 * bound - free)) / t) / 3
    expected = torch.zeros(16, 16, 3)  # Channel c, row i and column j of a patch lie in channel 4 c + 2 i + j.
    for i in (0, 1):
        for j in (0, 1):
            expected[i::2, j::2] = x[0, 2 * i + j :: 4].permute(1, 2, 0)
    drawn = flow.regenerate(["a red ball"], [1])[0]
    np.testing.assert_allclose(drawn, ((expected + 1) * 127.5).clamp(0, 255).numpy(), atol=1)
    assert drawn.std() > 5


def test_drawings_depend_on_caption_and_seed_alone(flow: PixelFlow) -> None:
    made = flow.regenerate(CAPTIONS, SEEDS)
    assert {(rgb.shape, rgb.dtype) for rgb in made} == {((16, 16, 3), np.dtype(np.uint8))}
    np.testing.assert_allclose(made[0].astype(int), made[1], atol=1)
    assert not np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[3])
    for place in (0, 3, 4):
        alone = flow.regenerate([CAPTIONS[place]], [SEEDS[place]])[0]
        np.testing.assert_allclose(made[place].astype(int), alone, atol=1)


def test_long_captions_are_cut(flow: PixelFlow) -> None:
    long = "a red ball and " * 30
    np.testing.assert_array_equal(*(flow.regenerate([text], [1])[0] for text in (long, long + long)))


def test_a_suite_names_it_as_a_further_generator(folder: Path) -> None:
    file = folder / "suite.toml"
    file.write_text('name = "far"\n[generators.flow]\nclass = "flow"\npath = "."\nparameters = { steps = 2 }', "utf-8")
    flow = Suite.load(file).generator("flow")
    assert (flow.card.kind, flow.card.parameters) == ("generator", {"steps": 2, "guidance": 2.0, "dtype": "float32"})
    assert flow.regenerate([], []) == []


def test_defaults(folder: Path) -> None:
    assert PixelFlow(Origin(folder)).card.parameters == {"steps": 20, "guidance": 2.0, "dtype": "float32"}


def test_no_step_is_refused(folder: Path) -> None:
    with pytest.raises(OptionError, match="steps must be at least 1, got 0"):
        PixelFlow(Origin(folder), steps=0)


def test_another_number_of_channels_is_refused(fake: Path, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="UNet of model 'odd' has 4 channels"):
        PixelFlow(Origin(save(tmp_path / "odd", fake, channels=4))).load()


def test_missing_weights_are_an_error(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "flow"))
    (copy / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(MissingWeights, match="no safetensors file in 'unet'"):
        PixelFlow(Origin(copy))


def test_neighbours_and_place_move_no_drawing(folder: Path) -> None:
    several = PixelFlow(Origin(folder), steps=3)
    several.batch_size = 3
    made, turned = several.regenerate(CAPTIONS, SEEDS), several.regenerate(CAPTIONS[::-1], SEEDS[::-1])[::-1]
    for first, second in zip(made, turned, strict=True):
        np.testing.assert_allclose(first.astype(int), second, atol=1)
    assert PixelFlow(Origin(folder), device="meta").batch_size == 16

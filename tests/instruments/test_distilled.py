"""Few-step checkpoints, random ones saved as diffusers saves them, against diffusers' own pipelines and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    EulerDiscreteScheduler,
    LatentConsistencyModelImg2ImgPipeline,
    LatentConsistencyModelPipeline,
    LCMScheduler,
)

from unprompt.errors import OptionError
from unprompt.instruments.cards import Origin
from unprompt.instruments.stable_diffusion import StableDiffusion
from unprompt.testing.fake_suite import SIDE, save_stable_diffusion
from unprompt.types import RGB

NOISE: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CAPTIONS, SEEDS = ["a red ball", "a blue cube on sand", "wood"], [3, 1, 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A latent consistency model, which its name does not tell."""
    made = tmp_path_factory.mktemp("some-model")
    torch.manual_seed(0)
    save_stable_diffusion(made, time_cond_proj_dim=8)
    LCMScheduler(**NOISE).save_pretrained(made / "scheduler")
    return made


def lcm(folder: Path, **sampling: Any) -> StableDiffusion:
    return StableDiffusion(Origin(folder), **{"steps": 4, "guidance": 8.5, "side": SIDE, **sampling})


def by_diffusers(build: Any, made: StableDiffusion, **given: Any) -> RGB:
    """What a pipeline of diffusers draws with the same parts."""
    parts = {name: part for name, part in made.load()._text2img.components.items() if name != "image_encoder"}
    pipeline = build(**{**parts, "scheduler": LCMScheduler(**NOISE)}, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    given |= {"generator": torch.Generator().manual_seed(3), "guidance_scale": 8.5, "output_type": "np"}
    return np.asarray((pipeline(prompt=CAPTIONS[0], **given).images[0] * 255).round(), np.int16)


def test_pictures_are_those_of_diffusers(folder: Path, pictures: list[RGB]) -> None:
    """A reconstruction takes two steps of four at strength 0.5."""
    made = lcm(folder)
    image = torch.from_numpy(made.prepare(pictures[5]).transpose(2, 0, 1)[None] / np.float32(255))
    found = [*made.regenerate(CAPTIONS[:1], [3]), *made.reconstruct(pictures[5:6], CAPTIONS[:1], [3])]
    expected = [
        by_diffusers(LatentConsistencyModelPipeline, made, num_inference_steps=4),
        by_diffusers(LatentConsistencyModelImg2ImgPipeline, made, image=image, strength=0.5, num_inference_steps=2),
    ]
    for one, right in zip(found, expected, strict=True):
        assert np.abs(one - right).max() <= 1
        assert one.std() > 5
    assert not np.array_equal(found[0], lcm(folder, guidance=2.0).regenerate(CAPTIONS[:1], [3])[0])


def test_the_noise_of_each_step_is_the_pictures_own(folder: Path, pictures: list[RGB]) -> None:
    one, three, rows = lcm(folder), lcm(folder), list[int]()
    three.batch_size = 3
    three.load()._text2img.unet.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    together = three.regenerate(CAPTIONS, SEEDS) + three.reconstruct([pictures[3]] * 3, CAPTIONS, SEEDS)
    assert rows == [3] * 6  # Four steps and two, each in one pass without an unguided half.
    alone = [one.regenerate([caption], [seed])[0] for caption, seed in zip(CAPTIONS, SEEDS, strict=True)]
    alone += one.reconstruct([pictures[3]] * 3, CAPTIONS, SEEDS)
    np.testing.assert_allclose(np.int16(together), np.int16(alone), atol=1)
    assert not np.array_equal(alone[0], one.regenerate(CAPTIONS[:1], [4])[0])


def test_the_configuration_chooses(folder: Path, fake: Path) -> None:
    assert lcm(folder).card.parameters["solver"] == "lcm"
    assert "solver" not in lcm(fake / "diffusion").card.parameters
    assert "solver" not in lcm(folder, solver="ddim").card.parameters  # as it is asked for
    with pytest.raises(OptionError, match=r"guided_above is 0.3, guided_below 1.0, but 'some-model\d' is guided"):
        lcm(folder, guided_above=0.3)
    with pytest.raises(OptionError, match=r"steps is 60, but 'some-model\d' knows 50: take fewer"):
        lcm(folder, steps=60).load()


def test_one_step_of_a_turbo_checkpoint(tmp_path: Path) -> None:
    """From the last time step, as its configuration spaces them, in one pass without an unguided half."""
    save_stable_diffusion(tmp_path)
    EulerDiscreteScheduler(**NOISE, timestep_spacing="trailing").save_pretrained(tmp_path / "scheduler")
    seen: list[Any] = []
    made = lcm(tmp_path, steps=1, strength=1.0, guidance=1.0).load()
    made._text2img.unet.register_forward_pre_hook(lambda _, inputs: seen.append((len(inputs[0]), int(inputs[1]))))
    made.regenerate(["wood"], [5])
    assert seen == [(1, 999)]

"""Deep features that are reused between steps, against a plain UNet whose last up block is given its input by hooks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from unprompt.errors import OptionError
from unprompt.instruments import Suite
from unprompt.instruments.cards import Origin
from unprompt.instruments.feature_reuse import FeatureReuse
from unprompt.instruments.stable_diffusion import StableDiffusion
from unprompt.testing.fake_suite import SIDE
from unprompt.types import RGB


def built(fake: Path, **sampling: Any) -> StableDiffusion:
    return StableDiffusion(Origin(fake / "diffusion"), steps=8, side=SIDE, **sampling)


def referred(made: StableDiffusion, every: int) -> dict[str, int]:
    """All is computed at each step, and the last up block is then given what it was given at step 0, N, 2 N ..."""
    unet, kept = made.load()._text2img.unet, dict[str, Any]()

    def replaced(_: object, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        deep, step = named["hidden_states"], kept.get("step", 0)
        if step % every == 0 or len(deep) != kept["rows"]:
            kept["deep"] = deep
        kept.update(step=step + 1, rows=len(deep))
        return inputs, {**named, "hidden_states": kept["deep"]}

    unet.up_blocks[-1].register_forward_pre_hook(replaced, with_kwargs=True)
    return kept


@pytest.mark.parametrize("every", [2, 3])
@pytest.mark.parametrize("sampling", [{}, {"guided_above": 0.3}, {"solver": "dpm-solver++"}])
def test_both_ways_of_drawing_are_those_of_the_reference(
    fake: Path, pictures: list[RGB], every: int, sampling: Mapping[str, Any]
) -> None:
    plain, reference, reusing = (built(fake, **sampling, reuse=number) for number in (1, 1, every))
    kept = referred(reference, every)
    for caption in ("a red ball", "", None):  # Guided in one batch, without guidance; from noise.
        drawn = []
        for made in (plain, reference, reusing):
            kept.clear()  # A drawing begins.
            if caption is None:
                drawn += made.regenerate(["a red ball"], [11])
            else:
                drawn += made.reconstruct(pictures[5:6], [caption], [11])
        np.testing.assert_array_equal(drawn[2], drawn[1])
        assert not np.array_equal(drawn[2], drawn[0])


def test_the_deep_levels_are_computed_every_so_many_steps(fake: Path) -> None:
    unet, whole, shallow = (reusing := built(fake, reuse=3).load())._text2img.unet, [], []
    unet.mid_block.resnets[0].register_forward_hook(lambda *_: whole.append(1))
    unet.up_blocks[-1].resnets[0].register_forward_hook(lambda *_: shallow.append(1))
    reusing.regenerate(["a red ball"], [1])
    assert (len(whole), len(shallow)) == (3, 8)  # Steps 0, 3 and 6 of eight.


def test_each_step_whole_is_the_plain_unet(fake: Path) -> None:
    plain, wrapped = (UNet2DConditionModel.from_pretrained(fake / "diffusion" / "unet").eval() for _ in range(2))
    z, words = torch.randn(2, 4, 8, 8), torch.randn(2, 5, 16)
    with torch.no_grad(), FeatureReuse(wrapped, 1).drawing():
        for t in (900, 500, 100):
            found, expected = (unet(z, t, encoder_hidden_states=words).sample for unet in (wrapped, plain))
            assert torch.equal(found, expected)


def test_a_card_names_it_where_it_is_chosen(fake: Path) -> None:
    assert "reuse" not in built(fake).card.parameters  # As in older evidence.
    assert Suite.load(f"{fake}[diffusion.reuse=2]").card("diffusion").parameters["reuse"] == 2


def test_a_picture_does_not_depend_on_its_batch(fake: Path, pictures: list[RGB]) -> None:
    one, three = built(fake, reuse=2), built(fake, reuse=2)
    three.batch_size = 3
    captions, seeds = ["a red ball", "wood", "a blue cube on sand"], [3, 1, 4]
    together = three.regenerate(captions, seeds) + three.reconstruct([pictures[3]] * 3, captions, seeds)
    alone = [one.regenerate([caption], [seed])[0] for caption, seed in zip(captions, seeds, strict=True)]
    alone += one.reconstruct([pictures[3]] * 3, captions, seeds)
    np.testing.assert_allclose(np.int16(together), np.int16(alone), atol=1)


def test_what_cannot_be_reused(fake: Path) -> None:
    with pytest.raises(OptionError, match="reuse must be 1, which reuses nothing, or more, got 0"):
        built(fake, reuse=0)
    with pytest.raises(OptionError, match="compiler is 'eager' and reuse is 2, expected one of them"):
        built(fake, reuse=2, compiler="eager")

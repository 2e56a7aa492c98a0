"""The sibling: another latent diffusion in every part, small, and its road from scenes to drawings."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from unprompt.instruments.cards import Origin
from unprompt.instruments.stable_diffusion import StableDiffusion
from unprompt.recipes.miniature import diffusion, second_diffusion
from unprompt.recipes.miniature.assemble import ENTRIES, copy
from unprompt.recipes.miniature.stage import BuildContext

LIMIT = 5e6
"""Bytes of its weights and words as shipped."""


def test_nothing_but_what_it_is_shown_is_shared() -> None:
    pairs = {
        field.name: (getattr(diffusion.PLAN, field.name), getattr(second_diffusion.PLAN, field.name))
        for field in fields(diffusion.Plan)
    }
    assert [name for name, (one, other) in pairs.items() if one == other] == ["steps"]


@pytest.mark.parametrize("noise", [diffusion.PLAN.noise, second_diffusion.PLAN.noise])
def test_the_noise_goes_down_to_pure_noise(noise: str) -> None:
    kept = diffusion.scheduler(noise).alphas_cumprod
    assert (kept.diff() < 0).all()
    assert kept[0] > 0.99
    assert kept[-1] == pytest.approx(0, abs=1e-6)


def test_it_is_trained_saved_small_and_draws(brief: BuildContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def agreement(context: BuildContext, draw: object) -> dict[str, float]:
        return {"facts": 0.5}

    monkeypatch.setattr(diffusion, "agreement", agreement)
    context, tmp_path = brief, brief.cache
    figures = second_diffusion.make(context)
    assert set(figures) == {"psnr", "latent_std", "facts"}
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {
        "sibling-autoencoder.safetensors",
        "sibling.safetensors",
    }
    entry = ENTRIES["generators.sibling"]
    copy(context.model(entry.path), tmp_path / "shipped", entry.files)
    assert sum(path.stat().st_size for path in (tmp_path / "shipped").rglob("*") if path.is_file()) <= LIMIT
    drawing = StableDiffusion(Origin(tmp_path / "shipped"), **entry.parameters)  # type: ignore[arg-type]
    (first,), (again,), (other,) = (drawing.regenerate(["a red ball on wood"], [seed]) for seed in (1, 1, 2))
    assert first.shape == (64, 64, 3)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()

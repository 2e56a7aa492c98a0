"""Draws in which sources weigh alike, and a training that goes on where it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unprompt.recipes.photo.learning import learn, shares
from unprompt.recipes.photo.sources import Photograph
from unprompt.training import state
from unprompt.training.schedule import Schedule
from unprompt.types import Sample


def rows() -> list[Photograph]:
    sources = ["sd-1.5"] * 16 + ["dalle-2"] * 4 + ["coco"] * 5
    return [Photograph(Sample(f"{i}.png", int(name != "coco"), name), 0) for i, name in enumerate(sources)]  # type: ignore[arg-type]


class Pupil:
    """As much of a detector as a training touches."""

    method = "pupil"

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.network = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def loss(self, inputs: Any, target: torch.Tensor) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(self.network(inputs[0])[:, 0], target)


def draw(places: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    return (torch.from_numpy(rng.normal(size=(len(places), 3)) + (places < 20)[:, None]).float(),)


def test_each_class_weighs_one_half_and_each_source_the_root_of_its_number() -> None:
    found = shares(rows())
    assert found[:20].sum() == pytest.approx(0.5)
    assert found[20:].sum() == pytest.approx(0.5)
    assert found[:16].sum() / found[16:20].sum() == pytest.approx(np.sqrt(16 / 4))


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule(20, 8, 1e-2, decay=1e-2, form="one-cycle")
    whole = Pupil()
    learn(whole, rows(), draw, schedule, tmp_path / "whole")  # type: ignore[arg-type]
    monkeypatch.setattr(state, "SAVE_SECONDS", -1.0)
    killed, calls = Pupil(), 0

    def dying(places: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt
        return draw(places, rng)

    with pytest.raises(KeyboardInterrupt):
        learn(killed, rows(), dying, schedule, tmp_path / "partial")  # type: ignore[arg-type]
    assert (tmp_path / "partial").exists()
    again = Pupil()
    learn(again, rows(), draw, schedule, tmp_path / "partial")  # type: ignore[arg-type]
    assert not (tmp_path / "partial").exists()
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(again.network.state_dict()[name], tensor, rtol=0, atol=0)

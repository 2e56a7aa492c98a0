"""The training loop: a run that was killed ends with the weights of one that was not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unprompt.recipes.loop import Loss, batch_at, optimiser, train
from unprompt.scenes.corpus import Indices
from unprompt.training import state
from unprompt.training.schedule import Schedule

SCHEDULE = Schedule(steps=30, batch=4, rate=0.05, warmup=5, average=0.9)
DATA = torch.randn(18, 3, generator=torch.Generator().manual_seed(1))
TARGET = DATA @ torch.tensor([1.0, -2.0, 0.5]) + 0.3


def linear() -> nn.Linear:
    model = nn.Linear(3, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    return model


def loss_of(model: nn.Module) -> Loss:
    def loss(indices: Indices, noise: torch.Generator) -> Tensor:
        x = DATA[indices]
        x = x + 0.1 * torch.randn(x.shape, generator=noise)
        gap: Tensor = model(x)[:, 0] - TARGET[indices]
        return gap.square().mean()

    return loss


def trained(checkpoint: Path, schedule: Schedule = SCHEDULE, killed_at: int | None = None) -> dict[str, Tensor]:
    model = linear()
    loss, steps = loss_of(model), iter(range(killed_at if killed_at is not None else schedule.steps))

    def mortal(indices: Indices, noise: torch.Generator) -> Tensor:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return loss(indices, noise)

    train(model, schedule, checkpoint, mortal, len(DATA))
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("killed_at", [1, 4, 17])
def test_an_interrupted_run_ends_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, average: float, killed_at: int
) -> None:
    schedule = Schedule(steps=30, batch=4, rate=0.05, warmup=5, average=average)
    expected = trained(tmp_path / "whole.safetensors", schedule)
    monkeypatch.setattr(state, "SAVE_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed.safetensors", schedule, killed_at)
    found = trained(tmp_path / "killed.safetensors", schedule)
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def test_a_finished_run_only_takes_its_averages(tmp_path: Path) -> None:
    expected = trained(tmp_path / "done.safetensors")
    found = trained(tmp_path / "done.safetensors", killed_at=0)
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def test_it_learns_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = linear()
    caplog.set_level("INFO", "unprompt")
    train(model, Schedule(steps=400, batch=6, rate=0.05), tmp_path / "a.safetensors", loss_of(model), len(DATA))
    torch.testing.assert_close(model.weight[0], torch.tensor([1.0, -2.0, 0.5]), atol=0.1, rtol=0)
    assert not model.training
    assert [line.split()[1] for line in caplog.messages] == ["100/400", "200/400", "300/400", "400/400"]


def test_averages_are_of_all_steps_and_matrices_alone_decay(tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain.safetensors", Schedule(steps=30, batch=4, rate=0.05, warmup=5))
    averaged = trained(tmp_path / "averaged.safetensors")
    assert not torch.equal(plain["weight"], averaged["weight"])
    groups = optimiser(linear(), SCHEDULE).param_groups
    decays = [(group["params"][0].ndim, group["weight_decay"]) for group in groups]
    assert decays == [(2, 0.01), (1, 0.0)]


def test_the_rate_warms_up_and_falls_by_a_cosine() -> None:
    schedule = Schedule(steps=110, batch=1, rate=1.0, warmup=10)
    assert [schedule.factor_at(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert [schedule.factor_at(step) for step in (10, 60, 110)] == pytest.approx([1.0, 0.51, 0.02])


def test_an_epoch_takes_every_scene_once_at_most() -> None:
    taken = [batch_at(step, 3, 10) for step in range(6)]
    first, second = np.concatenate(taken[:3]), np.concatenate(taken[3:])
    for epoch in (first, second):
        assert len(set(epoch.tolist())) == 9
        assert set(epoch.tolist()) <= set(range(10))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("start", [1, 3, 5])
def test_batches_are_the_same_wherever_a_run_resumes(start: int) -> None:
    whole, rest = ([batch_at(step, 3, 10, 2).tolist() for step in range(first, 8)] for first in (0, start))
    assert rest == whole[start:]

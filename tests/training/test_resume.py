"""The file of an interrupted training is written from where its tensors lie, without a copy of them in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from unprompt.detectors import checkpoint
from unprompt.training.resume import Best, Progress, ResumeState


def trained(network: nn.Module) -> torch.optim.Optimizer:
    """An optimiser that took a step."""
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    return optimiser


def test_a_state_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, torch.Tensor] = {}
    monkeypatch.setattr(checkpoint, "save_aside", lambda path, tensors, metadata: written.update(tensors))
    network = nn.Linear(3, 3)
    best = Best(0.5, 1, {"weight": torch.zeros(3, 3)})
    ResumeState(tmp_path / "a.partial", "a", network, trained(network), {}).save(Progress(1, best=best))
    assert written["network.weight"].data_ptr() == network.weight.data_ptr()
    assert written["best.weight"].data_ptr() == best.weights["weight"].data_ptr()
    assert {"optimiser.0.exp_avg", "optimiser.1.exp_avg_sq"} < set(written)


def test_weights_in_the_same_memory_come_back(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    optimiser = trained(network)
    ResumeState(tmp_path / "a.partial", "a", network, optimiser, {}).save(Progress(2, 1))
    other = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    other[1].weight = other[0].weight
    moments = torch.optim.Adam(other.parameters())
    assert ResumeState(tmp_path / "a.partial", "a", other, moments, {}).load() == Progress(2, 1)
    torch.testing.assert_close(other.state_dict(), network.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(moments.state_dict()["state"], optimiser.state_dict()["state"], rtol=0, atol=0)

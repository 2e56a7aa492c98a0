"""What one who draws and one who judges lose against each other: Huang et al., 2024, https://arxiv.org/abs/2501.05441."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

PENALTY: Final = 1.0
"""Weight of the judge's squared slope, at scenes and at drawings."""
STEP: Final = 0.02
"""Length of the random step by which a slope is measured."""


def rivalry(judge: nn.Module, x: Tensor, real: Tensor, drawn: Tensor, noise: torch.Generator, *told: Tensor) -> Tensor:
    """The loss of both on N scenes ``x``, which the judge calls ``real``, and N drawings; ``told`` is judged with each.

    The part of who draws moves the judge by nothing, and the other way round.
    """
    made = judge(drawn.detach(), *told)
    slopes = slope(judge, x, real, noise, *told) + slope(judge, drawn.detach(), made, noise, *told)
    judged = softplus(made - real).mean() + PENALTY / 2 * slopes
    still = {name: weight.detach() for name, weight in judge.named_parameters()}
    again: Tensor = functional_call(judge, still, (drawn, *told))
    return judged + softplus(real.detach() - again).mean()


def slope(judge: nn.Module, x: Tensor, score: Tensor, noise: torch.Generator, *told: Tensor) -> Tensor:
    """The mean squared slope, by a random step from each picture: without a second derivative."""
    gap: Tensor = (judge(x + STEP * torch.randn(x.shape, generator=noise), *told) - score) / STEP
    return gap.square().mean()

"""How a diffusion is sampled: steps, guidance, solver; and guidance in an interval of noise levels alone.

Ho and Salimans, 2022, https://arxiv.org/abs/2207.12598; Kynkäänniemi et al., 2024, https://arxiv.org/abs/2404.07724.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from unprompt.errors import OptionError

log = logging.getLogger(__name__)

SOLVERS: Final = ("ddim", "dpm-solver++", "lcm")
"""Song et al., 2021, https://arxiv.org/abs/2010.02502; Lu et al., 2022, https://arxiv.org/abs/2211.01095; Luo et al.,
2023, https://arxiv.org/abs/2310.04378."""
_LATER: Final = {"solver": "ddim", "guided_above": 0.0, "guided_below": 1.0, "reuse": 1}
"""Parameters that came later: a card names them only where they are not so, lest older evidence lose its name."""
COARSE: Final = 0.1
"""From this difference on between the strength that is asked for and that of whole steps it is told."""


@dataclass(frozen=True)
class Sampling:
    """How the diffusion is run; the defaults are SARE's (section 4.1) and SemGIR's (section 4.1)."""

    strength: float = 0.5
    """Share of the noise that a reconstruction adds and takes away, in (0, 1]."""
    steps: int = 50
    """Steps from pure noise; a reconstruction takes floor(strength * steps) of them."""
    guidance: float = 7.5
    """Weight w of classifier-free guidance (SARE equation 2); 1 = none."""
    side: int = 512
    """Longer side of a reconstruction in pixels."""
    solver: str = "ddim"
    """One of SOLVERS; DDIM at eta 0, DPM-Solver++ of second order, LCM with fresh noise at each step."""
    guided_above: float = 0.0
    """Guidance works at time steps from this share of all time steps on, in [0, 1]; 0 = to the picture itself."""
    guided_below: float = 1.0
    """And up to this share; 1 = from pure noise on. Outside w is 1, which takes half of the work."""
    reuse: int = 1
    """Steps from one computation of the UNet's deep levels to the next (FeatureReuse); 1 = each step computes all."""

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise OptionError(f"strength must be in (0, 1], got {self.strength}")
        if self.side < 1:
            raise OptionError(f"side must be at least 1, got {self.side}")
        if self.real_steps < 1:
            raise OptionError(
                f"strength {self.strength} x steps {self.steps} leaves no step: raise one of them to make at least 1"
            )
        if self.solver not in SOLVERS:
            raise OptionError(f"solver must be one of {', '.join(SOLVERS)}, got {self.solver!r}")
        if not 0 <= self.guided_above < self.guided_below <= 1:
            raise OptionError(
                "guided_above and guided_below must be shares with 0 <= guided_above < guided_below <= 1, got "
                f"{self.guided_above} and {self.guided_below}"
            )
        if self.reuse < 1:
            raise OptionError(f"reuse must be 1, which reuses nothing, or more, got {self.reuse}")
        if self.strength - (share := self.real_steps / self.steps) >= COARSE:
            log.warning(
                f"strength {self.strength:g} of {self.steps} steps is {self.real_steps} of them, a strength of "
                f"{share:g}: with more steps it would be nearer"
            )

    @property
    def real_steps(self) -> int:
        """Steps of a reconstruction, T of SARE equation 1."""
        return int(self.steps * self.strength)

    def parameters(self) -> Mapping[str, Any]:
        """What a card says of it."""
        return {name: value for name, value in asdict(self).items() if _LATER.get(name) != value}

    def is_guided(self, share: float) -> bool:
        """Whether guidance works at a time step, a share of all."""
        return self.guided_above <= share <= self.guided_below

    @contextmanager
    def guidance_interval(self, unet: nn.Module, times: int) -> Iterator[None]:
        """Inside, a UNet that is asked for a guided batch computes its guided half alone outside the interval.

        The batch is the unguided half and the guided one, as diffusers' pipelines lay it out; given the guided
        prediction for both, they come to it whatever the weight. ``times``: time steps of the model.
        """
        if self.is_guided(0) and self.is_guided(1):
            yield
            return
        halved = False

        def before(_: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any] | None:
            nonlocal halved
            halved = not self.is_guided(float(inputs[1]) / times)
            return _second_half((inputs, named), len(inputs[0])) if halved else None

        def after(_: nn.Module, inputs: Any, told: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(torch.cat([one, one]) for one in told) if halved else told

        hooks = [unet.register_forward_pre_hook(before, with_kwargs=True), unet.register_forward_hook(after)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def _second_half(value: Any, count: int) -> Any:
    """The same with the second half of every tensor that has ``count`` rows."""
    if isinstance(value, Tensor):
        return value[count // 2 :] if value.dim() and len(value) == count else value
    if isinstance(value, tuple):
        return tuple(_second_half(one, count) for one in value)
    return {name: _second_half(one, count) for name, one in value.items()} if isinstance(value, dict) else value

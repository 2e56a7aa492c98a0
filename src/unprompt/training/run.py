"""How a training is run: on what, in which numbers, in how many processes, and when it ends early. Loads no torch.

The schedule itself, epochs, batch and rates, belongs to the method's options. A step is always ``batch`` pictures:
devices and accumulation share it out, they do not enlarge it.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from unprompt.detectors.options import at_least
from unprompt.errors import OptionError

Precision: TypeAlias = Literal["32", "bf16-mixed", "16-mixed"]
Strategy: TypeAlias = Literal["auto", "ddp", "ddp_notebook"]

ASKING: Final = ("devices", "strategy", "precision", "accumulate", "workers")
"""Fields that only Lightning can heed."""


@dataclass(frozen=True)
class Run:
    """The defaults are the plain loop in one process, which needs nothing but torch."""

    device: str = "cpu"
    """cpu, cuda, cuda:1."""
    devices: int = 1
    """Processes, each with a device of its own."""
    strategy: Strategy = "auto"
    """auto = ddp for several devices; ddp starts the same command again for each; ddp_notebook forks."""
    precision: Precision = "32"
    """Numbers of the forward pass; the weights stay float32."""
    accumulate: int = 1
    """Parts that a device takes its share of a step in, one after the other."""
    workers: int = 0
    """Processes a device that prepare pictures ahead; 0 = none."""
    patience: int | None = None
    """Epochs without a better validation loss after which a training ends; None = all epochs."""

    def __post_init__(self) -> None:
        for name in ("devices", "accumulate"):
            at_least(name, getattr(self, name), 1)
        at_least("workers", self.workers, 0)
        if self.patience is not None:
            at_least("patience", self.patience, 1)
        for name, allowed in (("strategy", Strategy), ("precision", Precision)):
            if (value := getattr(self, name)) not in get_args(allowed):
                raise OptionError(f"--{name} is {value!r}, expected {' or '.join(get_args(allowed))}")
        if self.devices > 1 and ":" in self.device:
            raise OptionError(f"--device is {self.device} and --devices {self.devices}: name the kind alone, as cuda")

    @property
    def asked(self) -> tuple[str, ...]:
        """The fields that ask for Lightning; () = the plain loop."""
        plain = Run()
        return tuple(name for name in ASKING if getattr(self, name) != getattr(plain, name))

    def to_dict(self) -> dict[str, Any]:
        """What departs from the defaults, JSON-ready; how many prepare pictures moves nothing and is left out."""
        plain = asdict(Run())
        return {name: one for name, one in asdict(self).items() if one != plain[name] and name != "workers"}


def leads() -> bool:
    """Whether this process is the one that tells and saves; among those of a distributed run, the first."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0

"""How a training is run: on what, in which numbers, in how many processes, and when it ends early. Loads no torch.

The schedule itself, epochs, batch and rates, belongs to the method's options. A step is always ``batch`` pictures:
devices and accumulation share it out, they do not enlarge it.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from unprompt.choices import EngineName, Precision
from unprompt.engines import engine_for
from unprompt.errors import OptionError
from unprompt.validation import Count, Flag, Size, checked


@checked()
class Run:
    """The defaults are one process in float32, whose weights an interruption does not change by a byte."""

    device: str = "cpu"
    """cpu, cuda, cuda:1."""
    devices: Count = 1
    """Processes, each with a device of its own."""
    precision: Precision = "32"
    """Numbers of the forward pass; the weights stay float32."""
    accumulate: Count = 1
    """Parts that a device takes its share of a step in, one after the other."""
    checkpointing: Flag = False
    """Keep no activations of transformers, and compute them again for the gradients: slower, in far less memory."""
    workers: Size = 0
    """Processes a device that prepare pictures ahead; 0 = none."""
    patience: Count | None = None
    """Epochs without a better validation loss after which a training ends; None = all epochs."""
    engine: EngineName = "local"
    """Whose processes: this machine's, or a Ray cluster's, at ``address``."""
    address: str | None = None

    def __post_init__(self) -> None:
        if self.precision == "16-mixed" and self.device == "cpu":
            raise OptionError("--precision is 16-mixed and --device cpu, expected a GPU: use bf16-mixed there")
        if self.devices > 1 and ":" in self.device:
            raise OptionError(f"--device is {self.device} and --devices {self.devices}: name the kind alone, as cuda")
        engine_for(self.engine, self.device, address=self.address)  # refuses an address of no use

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the fields that are not at their defaults."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) != field.default)

    def to_dict(self) -> dict[str, Any]:
        """The changed fields, JSON-ready, without those that change no result."""
        same = ("workers", "checkpointing", "engine", "address")
        return {name: getattr(self, name) for name in self.changed if name not in same}

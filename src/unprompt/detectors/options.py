"""What every detector lets you choose: how its head is trained. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from unprompt.errors import CheckpointError, OptionError

Optimiser = Literal["adam", "adamw"]


def at_least(name: str, value: float, least: float) -> None:
    """:class:`OptionError` unless value >= least."""
    if not value >= least:
        raise OptionError(f"--{name.replace('_', '-')} is {value}, expected {least} or more")


def above_zero(name: str, value: float) -> None:
    """:class:`OptionError` unless value > 0."""
    if not value > 0:
        raise OptionError(f"--{name.replace('_', '-')} is {value}, expected a number above 0")


@dataclass(frozen=True)
class Options:
    """Options of a detector; each method sets its paper's defaults and adds its own fields."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    def override(self, chosen: Mapping[str, Any] | None) -> Self:
        """These options with some exchanged by name; :class:`OptionError` for a name that is none."""
        names = sorted(self.to_dict())
        for name in chosen or {}:
            if name not in names:
                raise OptionError(f"got the option {name!r}, expected one of {', '.join(names)}")
        return self.from_dict({**self.to_dict(), **(chosen or {})})

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; :class:`CheckpointError` for names that this method does not know."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(stored) - known):
            raise CheckpointError(
                f"the checkpoint has the options {unknown}, {cls.__name__} knows {sorted(known)}: "
                "train it again with this edition"
            )
        return cls(**stored)


@dataclass(frozen=True)
class TrainedOptions(Options):
    """Options of a detector that is trained by gradient steps."""

    epochs: int = 50
    """Passes over the training evidence."""
    batch: int = 256
    """Pictures in a step."""
    rate: float = 1e-3
    """Learning rate."""
    weight_decay: float = 1e-3
    """Weight decay of the optimiser."""
    optimiser: Optimiser = "adamw"
    """adam or adamw."""

    def __post_init__(self) -> None:
        at_least("epochs", self.epochs, 1)
        at_least("batch", self.batch, 1)
        above_zero("rate", self.rate)
        at_least("weight_decay", self.weight_decay, 0)
        if self.optimiser not in ("adam", "adamw"):
            raise OptionError(f"--optimiser is {self.optimiser!r}, expected adam or adamw")


@dataclass(frozen=True)
class ClosedFormOptions(Options):
    """Options of a detector that is the one optimum of a convex loss."""

    l2: float = 1e-2
    """Half the weight of the squared coefficients of the standardised features, per picture."""

    def __post_init__(self) -> None:
        above_zero("l2", self.l2)

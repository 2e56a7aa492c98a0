"""What every detector lets you choose: how its head is trained. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Literal, Self

from unprompt.choices import Preprocess
from unprompt.errors import CheckpointError, OptionError
from unprompt.validation import Count, NotNegative, Positive, Size, checked

Optimiser = Literal["adam", "adamw"]
Keep = Literal["best", "last"]
RateSchedule = Literal["constant", "cosine", "one-cycle"]


@checked()
class Options:
    """Options of a detector; each method sets its paper's defaults and adds its own fields."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    def override(self, chosen: Mapping[str, Any] | None) -> Self:
        """These options with some exchanged by name; :class:`OptionError` for an unknown name or a wrong value."""
        return replace(self, **(chosen or {}))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; :class:`CheckpointError` for names that this method does not know."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(stored) - known):
            raise CheckpointError(
                f"the checkpoint has the options {unknown}, {cls.__name__} knows {sorted(known)}: "
                "train it again with this edition"
            )
        try:
            return cls(**stored)
        except OptionError as error:
            raise CheckpointError(
                f"the options in this checkpoint cannot be read ({error}): train it again with this edition"
            ) from error


@checked()
class TrainedOptions(Options):
    """Options of a detector that is trained by gradient steps."""

    epochs: Count = 50
    """Passes over the training evidence."""
    batch: Count = 256
    """Pictures in a step."""
    rate: Positive = 1e-3
    """Learning rate; the highest one of a schedule."""
    schedule: RateSchedule = "constant"
    """Learning rate by steps: constant; cosine = half a cosine from the rate down to a fiftieth of it; one-cycle = up
    to the rate in the first 30 % of the steps, then down. SARE speaks of an initial rate (section 4.1); no paper of the
    four names a schedule."""
    weight_decay: NotNegative = 1e-3
    """Weight decay of the optimiser."""
    optimiser: Optimiser = "adamw"
    """adam or adamw."""
    keep: Keep = "best"
    """best = the weights of the epoch with the lowest validation loss; last = the last epoch's, as where a paper names
    no validation data."""


@checked()
class PreprocessOptions(Options):
    """Options of a detector that can see a picture at its native size."""

    preprocess: Preprocess = "resize"
    """How the picture comes to the encoder's size: resize = its short side is brought there, or to ``resize`` where
    there is one, before the central crop; crop = the central crop of the picture as it is, as the papers' words and the
    public code of UnivFD and DRCT have it. Black surrounds a picture that is smaller, as in that code."""


@checked()
class RegenerationOptions(TrainedOptions):
    """Options of SemGIR and SemGIR-A: Adam, rate 1e-4, batch 32 (section 4.1); the epochs are ours."""

    epochs: Count = 10
    batch: Count = 32
    rate: Positive = 1e-4
    """Learning rate, of the encoders too."""
    weight_decay: NotNegative = 0.0
    optimiser: Optimiser = "adam"
    layers: Size = 0
    """Last layers of each encoder that are learned; 0 = all, as in the paper."""


@checked()
class CropOptions(TrainedOptions):
    """Options of a detector that sees a crop of a resized picture."""

    resize: Count = 256
    """Short side before the crop."""
    crop: Count = 224
    """Side of the crop: random in training, central otherwise."""

    def __post_init__(self) -> None:
        if self.resize < self.crop:
            raise OptionError(f"--resize is {self.resize}, expected {self.crop} or more, as --crop")


@checked()
class ClosedFormOptions(Options):
    """Options of a detector that is the one optimum of a convex loss."""

    l2: Positive = 1e-2
    """Half the weight of the squared coefficients of the standardised features, per picture."""

"""SARE's training augmentations (section 4.1), drawn once for a picture and its map.

The paper names the transforms and gives no numbers; the chances and ranges are those of DRCT, its backbone, where
that recipe has them. Geometry and holes are shared by picture and map; light, noise, blur and JPEG touch the
picture alone, since the map was made before.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Final, Self, TypeAlias

import numpy as np
from pydantic import Field

from unprompt.errors import OptionError
from unprompt.perturbations.chain import UNCHANGED, Chain, Perturbation
from unprompt.perturbations.transforms import KINDS
from unprompt.types import RGB
from unprompt.validation import Number, Range, checked

Chance: TypeAlias = Annotated[Number, Field(ge=0, le=1, description="a chance from 0 to 1")]
CHANCES: Final = ("mirror", "scale", "rotate", "noise", "blur", "jpeg", "light", "dropout")


@dataclass(frozen=True)
class AugmentationSample:
    """The augmentation of one picture."""

    place: Range = (0.5, 0.5)
    """Where the crop lies, down and across; 0 = start, 1 = end."""
    mirrored: bool = False
    scale: float = 1.0
    """Factor of the size before the crop."""
    photometric: Chain = UNCHANGED
    """For the picture alone."""
    shared: Chain = UNCHANGED
    """For picture and map, after the rest."""
    seed: int = 0

    def apply(self, picture: RGB, sare_map: RGB) -> tuple[RGB, RGB]:
        """Both crops, height x width x 3 of one size, after what is done to them."""
        return self.shared(self.photometric(picture, self.seed), self.seed), self.shared(sare_map, self.seed)


@checked("augmentation ")
class Augmentation:
    """Chances in [0, 1] of each transform, and the ranges that its value is drawn from."""

    mirror: Chance = 0.5
    """Chance of a horizontal flip."""
    scale: Chance = 0.2
    scales: Range = (0.5, 1.5)
    """Factors; where the picture becomes smaller than the crop, black is around it."""
    rotate: Chance = 0.5
    degrees: Range = (-10, 10)
    noise: Chance = 0.1
    sigmas: Range = (0.012, 0.028)
    """Standard deviation, of the full range: 3 to 7 grey levels."""
    blur: Chance = 0.1
    radii: Range = (0.5, 2)
    """Sigma in pixels; ours."""
    jpeg: Chance = 0.5
    qualities: Range = (30, 100)
    light: Chance = 0.25
    brightness: Range = (-0.2, 0.2)
    contrast: Range = (0.8, 1.2)
    dropout: Chance = 0.25
    cells: Range = (6, 10)
    """Cells a side of the grid with holes."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and not value[0] <= value[1]:
                low, high = value
                raise OptionError(f"augmentation {field.name} is {low} to {high}, expected the smaller first")
        for name, values in self._values().items():
            for value in values:
                Perturbation(name, value)  # which refuses what no picture can be put through

    @classmethod
    def plain(cls) -> Self:
        """Random crop and mirror alone."""
        return cls(scale=0, rotate=0, noise=0, blur=0, jpeg=0, light=0, dropout=0)

    def draw(self, rng: np.random.Generator) -> AugmentationSample:
        """What is done to one picture; every draw takes the same number of random numbers."""
        happens = {name: bool(draw < getattr(self, name)) for name, draw in zip(CHANCES, rng.random(8), strict=True)}
        steps = {name: _between(name, *values, rng) for name, values in self._values().items()}
        light = ("brightness", "contrast") if happens["light"] else ()
        alone = [*light, *(name for name in ("noise", "blur", "jpeg") if happens[name])]
        down, across = rng.random(2).tolist()
        seed = int(rng.integers(2**62))
        return AugmentationSample(
            place=(down, across),
            mirrored=happens["mirror"],
            scale=steps["scale"].value if happens["scale"] else 1.0,
            photometric=Chain(tuple(steps[name] for name in alone)),
            shared=Chain(tuple(steps[name] for name in ("rotate", "dropout") if happens[name])),
            seed=seed,
        )

    def _values(self) -> dict[str, Range]:
        """Perturbation -> the range of its value."""
        return {
            "rotate": self.degrees,
            "noise": self.sigmas,
            "blur": self.radii,
            "jpeg": self.qualities,
            "brightness": self.brightness,
            "contrast": self.contrast,
            "dropout": self.cells,
            "scale": self.scales,
        }


def _between(name: str, low: float, high: float, rng: np.random.Generator) -> Perturbation:
    value = float(rng.uniform(low, high))
    return Perturbation(name, round(value) if KINDS[name].whole else value)

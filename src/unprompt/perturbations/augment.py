"""SARE's training augmentations (section 4.1), drawn once for a picture and its map.

The paper names the transforms and gives no numbers; the probabilities and ranges are those of DRCT, its backbone, where
that recipe has them. Geometry and holes are shared by picture and map; light, noise, blur and JPEG change the
picture alone, since the map was made before.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from unprompt.errors import OptionError
from unprompt.perturbations.chain import UNCHANGED, Chain, Perturbation
from unprompt.perturbations.transforms import KINDS
from unprompt.types import RGB
from unprompt.validation import Range, Share, checked

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
        """Both crops, height x width x 3 of one size, changed."""
        return self.shared(self.photometric(picture, self.seed), self.seed), self.shared(sare_map, self.seed)


@checked("augmentation ")
class Augmentation:
    """The probability of each transform, and the range that its value is drawn from."""

    mirror: Share = 0.5
    """Of a horizontal flip."""
    scale: Share = 0.2
    scales: Range = (0.5, 1.5)
    """Factors; where the picture becomes smaller than the crop, black is around it."""
    rotate: Share = 0.5
    degrees: Range = (-10, 10)
    noise: Share = 0.1
    sigmas: Range = (0.012, 0.028)
    """Standard deviation, of the full range: 3 to 7 grey levels."""
    blur: Share = 0.1
    radii: Range = (0.5, 2)
    """Sigma in pixels; ours."""
    jpeg: Share = 0.5
    qualities: Range = (30, 100)
    light: Share = 0.25
    brightness: Range = (-0.2, 0.2)
    contrast: Range = (0.8, 1.2)
    dropout: Share = 0.25
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
                Perturbation(name, value)  # raises OptionError for a value out of its bounds

    @classmethod
    def plain(cls) -> Self:
        """Random crop and mirror alone."""
        return cls(scale=0, rotate=0, noise=0, blur=0, jpeg=0, light=0, dropout=0)

    def draw(self, rng: np.random.Generator) -> AugmentationSample:
        """The augmentation of one picture; every draw takes the same number of random numbers."""
        happens = {name: bool(draw < getattr(self, name)) for name, draw in zip(CHANCES, rng.random(8), strict=True)}
        steps = {}
        for name, bounds in self._values().items():
            value = float(rng.uniform(*bounds))
            steps[name] = Perturbation(name, round(value) if KINDS[name].whole else value)
        light = ("brightness", "contrast") if happens["light"] else ()
        photometric = [*light, *(name for name in ("noise", "blur", "jpeg") if happens[name])]
        down, across = rng.random(2).tolist()
        return AugmentationSample(
            place=(down, across),
            mirrored=happens["mirror"],
            scale=steps["scale"].value if happens["scale"] else 1.0,
            photometric=Chain(tuple(steps[name] for name in photometric)),
            shared=Chain(tuple(steps[name] for name in ("rotate", "dropout") if happens[name])),
            seed=int(rng.integers(2**62)),
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

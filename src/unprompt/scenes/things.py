"""The vocabulary of the scenes: what lies on the table, who looks at it, what lights it.

The table is the plane y = 0; x grows to the right, y upwards, z away from the eye. A unit of
length is about a quarter of the picture's width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Colour = tuple[float, float, float]

SHAPES: Final = ("ball", "cube", "cone", "cylinder", "ring")
SIZES: Final = {"small": 0.48, "large": 0.70}
"""Name to half height, in table units."""
MATERIALS: Final = ("matte", "shiny")
FLOORS: Final = ("wood", "tiles", "sand", "grass", "cloth")
COLOURS: Final[dict[str, Colour]] = {
    "red": (0.72, 0.015, 0.02),
    "orange": (0.98, 0.24, 0.005),
    "yellow": (0.98, 0.76, 0.02),
    "green": (0.005, 0.40, 0.09),
    "blue": (0.02, 0.10, 0.72),
    "purple": (0.28, 0.03, 0.46),
    "white": (0.92, 0.92, 0.90),
    "black": (0.012, 0.012, 0.014),
}
"""Name to albedo in linear light, 0..1."""


@dataclass(frozen=True)
class Thing:
    """One thing standing on the table."""

    shape: str
    colour: str
    size: str
    material: str
    x: float
    z: float
    turn: float
    """Rotation about the vertical, in radians."""
    tint: Colour = (1.0, 1.0, 1.0)
    """Factors on the colour's albedo, near one: no two red balls are equally red."""

    @property
    def radius(self) -> float:
        """Half height, in table units."""
        return SIZES[self.size]

    @property
    def phrase(self) -> str:
        """Colour and shape with the article: `an orange cone`."""
        return f"{'an' if self.colour[0] in 'aeiou' else 'a'} {self.colour} {self.shape}"


@dataclass(frozen=True)
class View:
    """A perspective eye above the near edge of the table."""

    elevation: float
    """Angle of the line of sight below the horizon, in radians."""
    distance: float
    """From the eye to the point looked at, in table units."""
    x: float
    z: float
    """The point of the table that is looked at."""
    focal: float
    """Focal length over the picture's width."""


@dataclass(frozen=True)
class Light:
    """A distant lamp of some breadth."""

    azimuth: float
    """Radians from behind the eye, negative to the left."""
    elevation: float
    warmth: float
    """-1 (cold) to 1 (warm)."""

    @property
    def side(self) -> str:
        """`left` or `right`, as seen in the picture."""
        return "left" if self.azimuth < 0 else "right"


@dataclass(frozen=True)
class Speck:
    """A crumb, pebble or leaf lying flat on the table."""

    x: float
    z: float
    length: float
    width: float
    turn: float
    colour: Colour


@dataclass(frozen=True)
class Scratch:
    """A thin straight mark from (x, z), `length` far into direction `turn`."""

    x: float
    z: float
    length: float
    turn: float
    strength: float
    """Negative is darker than the floor, positive is lighter."""


@dataclass(frozen=True)
class Nuisance:
    """What no caption mentions."""

    grain: int
    """Seed of the floor's texture."""
    floor_turn: float
    floor_tone: float
    """0..1: place in the floor's range of hues."""
    wall: Colour
    wall_z: float
    """Where the table ends; far values leave no wall in the picture."""
    specks: tuple[Speck, ...]
    scratches: tuple[Scratch, ...]
    stain: tuple[float, float, float, float] | None
    """x, z, radius and strength of a damp patch, or none."""
    vignetting: float
    """Share of light lost in the corners, 0..1."""

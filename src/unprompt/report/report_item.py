"""One card of a page: a row, and the pictures that it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from unprompt.images import fit_long
from unprompt.report.gauge import Gauge
from unprompt.types import RGB, Attribution, Box, Prediction

Row = TypeVar("Row", bound=Prediction | Attribution)

LONGEST: Final = 768
"""Longer side, in pixels, above which a picture is shown smaller."""
GAIN: Final = 2
"""The SARE map is mostly dark: it is shown this many times brighter, and the page says so."""


@dataclass(frozen=True, eq=False)
class Illustration:
    """A picture that explains a row, as it is shown."""

    name: str
    """In the name of its file: letters, digits and dashes."""
    title: str
    rgb: RGB
    """Not longer than ``LONGEST``."""
    height: int
    """Before it was made smaller."""
    width: int
    boxes: tuple[Box, ...] = ()
    """Drawn on it, with their phrases beside it."""

    @classmethod
    def of(cls, name: str, title: str, rgb: RGB, boxes: tuple[Box, ...] = ()) -> Self:
        """One of a picture of any size, of which no more is kept than is shown."""
        height, width = rgb.shape[:2]
        return cls(name, title, fit_long(rgb, LONGEST) if max(height, width) > LONGEST else rgb, height, width, boxes)


@dataclass(frozen=True, eq=False)
class ReportItem(Generic[Row]):
    """A row with the pictures that explain it; without any after an error, and where nobody asked for them."""

    row: Row
    figures: tuple[Illustration, ...] = ()
    gauge: Gauge | None = None
    """Where the probability lies between the thresholds; None without a verdict, and of attribution."""
    contributions: Mapping[str, float] = field(default_factory=dict)
    """Of a panel's verdict: what each member adds to its logit, and the constant; their sum is the logit."""

    def warned(self, warning: str) -> Self:
        """The same with a further warning on its row."""
        return replace(self, row=replace(self.row, warnings=(*self.row.warnings, warning)))


def detection_figures(
    picture: RGB,
    reconstruction: RGB | None = None,
    sare_map: npt.NDArray[np.floating] | None = None,
    regeneration: RGB | None = None,
    boxes: tuple[Box, ...] = (),
    title: str = "The picture",
    note: str = "",
) -> tuple[Illustration, ...]:
    """What ``detect`` shows, where it was made: ``sare_map`` is H x W x 3 in [0, 1] (SARE, equation 4).

    ``boxes`` are where the picture shows the phrases of its caption (TIDY and ITEM); ``title`` is the picture's own,
    ``note`` is added to those of what was drawn.
    """
    brighter = None if sare_map is None else brighten(sare_map)
    further = (
        ("reconstruction", "Reconstructed, with its caption", reconstruction),
        ("map", f"What that changed (SARE map, brightness × {GAIN})", brighter),  # noqa: RUF001
        ("regeneration", "Made anew, from the caption alone", regeneration),
    )
    added = f" ({note})" if note else ""
    shown = [Illustration.of(name, f"{words}{added}", rgb) for name, words, rgb in further if rgb is not None]
    return Illustration.of("picture", title, picture, boxes), *shown


def attribution_figures(picture: RGB, regenerations: Mapping[str, RGB]) -> tuple[Illustration, ...]:
    """What ``attribute`` shows: the picture, and what each candidate draws of its caption."""
    drawn = enumerate(regenerations.items(), 1)
    return (
        Illustration.of("picture", "The picture", picture),
        *(
            Illustration.of(f"candidate-{i}", f"Drawn by {name}, from the caption alone", rgb)
            for i, (name, rgb) in drawn
        ),
    )


def brighten(sare_map: npt.NDArray[np.floating]) -> RGB:
    """H x W x 3 in [0, 1] -> uint8, ``GAIN`` times brighter.

    >>> brighten(np.array([[[0.1, 0.5, 0.9]]])).tolist()
    [[[51, 255, 255]]]
    """
    brighter: RGB = np.rint(np.clip(sare_map * GAIN, 0, 1) * 255).astype(np.uint8)
    return brighter

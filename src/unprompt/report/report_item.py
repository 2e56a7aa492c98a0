"""One card of a page: a row, and the pictures that it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from unprompt.types import RGB, Attribution, Box, Prediction

Row = TypeVar("Row", bound=Prediction | Attribution)

GAIN: Final = 2
"""The SARE map is mostly dark: it is shown this many times brighter, and the page says so."""


@dataclass(frozen=True, eq=False)
class Illustration:
    """A picture that explains a row."""

    name: str
    """In the name of its file: letters, digits and dashes."""
    title: str
    rgb: RGB
    boxes: tuple[Box, ...] = ()
    """Drawn on it, with their phrases beside it."""


@dataclass(frozen=True, eq=False)
class ReportItem(Generic[Row]):
    """A row with the pictures that explain it; without any after an error, and where nobody asked for them."""

    row: Row
    figures: tuple[Illustration, ...] = ()


def detection_figures(
    picture: RGB,
    reconstruction: RGB | None = None,
    sare_map: npt.NDArray[np.floating] | None = None,
    regeneration: RGB | None = None,
    boxes: tuple[Box, ...] = (),
) -> tuple[Illustration, ...]:
    """What ``detect`` shows, where it was made: ``sare_map`` is H x W x 3 in [0, 1] (SARE, equation 4).

    ``boxes`` are where the picture shows the phrases of its caption (TIDY and ITEM).
    """
    brighter = None if sare_map is None else brighten(sare_map)
    further = (
        ("reconstruction", "Reconstructed, with its caption", reconstruction),
        ("map", f"What that changed (SARE map, brightness × {GAIN})", brighter),  # noqa: RUF001
        ("regeneration", "Made anew, from the caption alone", regeneration),
    )
    shown = [Illustration(name, title, rgb) for name, title, rgb in further if rgb is not None]
    return Illustration("picture", "The picture", picture, boxes), *shown


def attribution_figures(picture: RGB, regenerations: Mapping[str, RGB]) -> tuple[Illustration, ...]:
    """What ``attribute`` shows: the picture, and what each candidate draws of its caption."""
    drawn = enumerate(regenerations.items(), 1)
    return (
        Illustration("picture", "The picture", picture),
        *(Illustration(f"candidate-{i}", f"Drawn by {name}, from the caption alone", rgb) for i, (name, rgb) in drawn),
    )


def brighten(sare_map: npt.NDArray[np.floating]) -> RGB:
    """H x W x 3 in [0, 1] -> uint8, ``GAIN`` times brighter.

    >>> brighten(np.array([[[0.1, 0.5, 0.9]]])).tolist()
    [[[51, 255, 255]]]
    """
    brighter: RGB = np.rint(np.clip(sare_map * GAIN, 0, 1) * 255).astype(np.uint8)
    return brighter

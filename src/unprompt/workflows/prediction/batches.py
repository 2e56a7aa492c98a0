"""Inputs -> batches of pictures whose memory is bounded, whatever their sizes. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from unprompt.errors import PictureError
from unprompt.images import DEFAULT_LIMITS, PIXELS_IN_MEMORY, Limits
from unprompt.types import Picture
from unprompt.workflows.prediction.inputs import Input

Batch: TypeAlias = list[tuple[Input, Picture | PictureError]]
"""Inputs, each with its picture or the error that reading it gave."""


def batches(
    inputs: Iterable[Input],
    size: int,
    limits: Limits = DEFAULT_LIMITS,
    pixels: int = PIXELS_IN_MEMORY,
    first: int = 1,
) -> Iterator[Batch]:
    """At most ``size`` inputs at a time, from ``first`` on twice as many each time, so that the first rows come soon.

    A batch also ends with the picture by which it passes ``pixels``.
    An input is read when its batch is asked for, and nothing of a former batch is held here.
    """
    batch: Batch = []
    held, wanted = 0, min(first, size)
    for one in inputs:
        picture = one.read(limits)
        held += picture.rgb.size // 3 if isinstance(picture, Picture) else 0
        batch.append((one, picture))
        del picture
        if len(batch) == wanted or held >= pixels:
            yield batch
            batch, held, wanted = [], 0, min(2 * wanted, size)
    if batch:
        yield batch

"""What an instrument answers is finite, or is made again in float32, or is an error: never a black picture."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from unprompt.errors import NotFinite
from unprompt.types import RGB

if TYPE_CHECKING:
    from unprompt.instruments.base import Instrument

Item = TypeVar("Item")
Made = TypeVar("Made")

log = logging.getLogger(__name__)


def is_finite(answer: object) -> bool:
    """Whether an answer, or every part of it, has no NaN and no infinity; texts and whole numbers have none.

    >>> is_finite(["a ball", (np.zeros(2), 1.0)]), is_finite([np.float32([0, np.inf])])
    (True, False)
    """
    if isinstance(answer, (list, tuple)):
        return all(map(is_finite, answer))
    return not isinstance(answer, (float, np.ndarray)) or bool(np.isfinite(answer).all())


def finite(instrument: Instrument, make: str, items: Sequence[Item], made: Sequence[Made]) -> list[Made]:
    """What the method ``make`` of an instrument made of ``items``; where it is not finite, made again in float32.

    One item at a time, without gradients. :class:`NotFinite` for what is not finite there either.
    """
    whole, bad = list(made), [place for place, one in enumerate(made) if not is_finite(one)]
    if bad and instrument.dtype != torch.float32:
        log.info(f"{instrument!r}: {len(bad)} of {len(made)} answers are not finite in {instrument.dtype}: again")
        again = getattr(instrument.exact, make)
        with torch.inference_mode():
            for place in bad:
                whole[place] = again([items[place]])[0]
        bad = [place for place in bad if not is_finite(whole[place])]
    if bad:
        raise NotFinite(
            f"{instrument!r} answers numbers that are NaN or infinite, in float32 too: its weights are damaged or "
            "overflow; fetch it again, or choose another model",
            bad,
            whole,
        )
    return whole


def drawn(draw: Callable[[], Sequence[npt.NDArray[np.float32]]]) -> list[RGB]:
    """Finite drawings as bytes, also those that a :class:`NotFinite` carries."""
    try:
        return [one.astype(np.uint8) for one in draw()]
    except NotFinite as error:
        error.made = [None if i in error.places else one.astype(np.uint8) for i, one in enumerate(error.made)]
        raise

"""What an instrument answers about a small fixed probe, so that two precisions of it can be compared."""

from __future__ import annotations

import math
from contextlib import suppress
from copy import copy
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from unprompt.errors import SuiteError
from unprompt.images import resize
from unprompt.instruments.base import (
    Backbone,
    Captioner,
    Diffusion,
    Encoder,
    Generator,
    Grounder,
    Instrument,
    Perceptual,
    Vectors,
)
from unprompt.instruments.discriminator import Discriminator
from unprompt.instruments.unimodal import TextEncoder, VisionEncoder
from unprompt.types import RGB

SIDE: Final = 224
"""Pixels a side of the probe's pictures."""
CAPTIONS: Final = ("a red ball on sand", "two people on a street in the rain", "a dog", "a green cube beside a cone")
SEEDS: Final = range(len(CAPTIONS))
EQUAL: Final = 200.0
"""Decibels of equal answers."""


class Numbers(NamedTuple):
    """An answer of numbers, any shape, and the peak that an error is held against."""

    values: npt.NDArray[Any]
    peak: float


def probe_pictures() -> list[RGB]:
    """Soft colours under fine grain, one picture a caption, the same on every machine."""
    random = np.random.default_rng(0)
    soft = [resize(random.integers(0, 256, (7, 7, 3), np.uint8), SIDE, SIDE) for _ in CAPTIONS]
    return [(one + random.normal(0, 8, one.shape)).clip(0, 255).astype(np.uint8) for one in soft]


def decibels(found: str | Numbers, exact: str | Numbers) -> float:
    """20 log10(peak / root mean square error), PSNR for pictures; at most EQUAL. Of texts EQUAL or 0."""
    if isinstance(found, str) or isinstance(exact, str):
        return EQUAL if found == exact else 0.0
    error = float(np.sqrt(np.mean(np.square(found.values.astype(np.float64) - exact.values))))
    return min(EQUAL, 20 * math.log10(exact.peak / error)) if error else EQUAL


def answers(instrument: Instrument) -> list[str | Numbers]:
    """What it answers about the probe, in a fixed order.

    The peak of a picture is 255, of a box's edges and score 1, and of a vector its root mean square, so that 45 dB are
    an error of 10^(-45/20) = 0.56 % of its length.
    """
    pictures, vectors = probe_pictures(), list[Vectors]()
    match instrument:
        case Captioner():
            return [one.text for one in instrument.captions(pictures)]
        case Generator():
            drawn = instrument.regenerate(CAPTIONS, SEEDS)
            if isinstance(instrument, Diffusion):
                drawn += instrument.reconstruct(pictures, CAPTIONS, SEEDS)
            return [Numbers(one, 255.0) for one in drawn]
        case Grounder():
            return _boxes(instrument)
        case Encoder():
            vectors += list(instrument.embed_pictures(pictures))
            with suppress(SuiteError):  # It reads pictures alone.
                vectors += list(instrument.embed_texts(CAPTIONS))
        case VisionEncoder():
            vectors += [row for one in instrument.tokens(pictures) for row in (*one.cls[1:], one.embedding)]
        case TextEncoder():
            vectors += list(instrument.embed(CAPTIONS))
        case Perceptual():
            vectors += list(instrument.distances(pictures, pictures[1:] + pictures[:1])[:, None])
        case Discriminator():
            return [Numbers(one, 255.0) for one in instrument.gradient_maps(pictures)]
        case Backbone():
            vectors += _pooled(instrument)
        case _:
            raise TypeError(f"{instrument!r} fills no role that is compared: expected one of ROLES")
    return [Numbers(one, float(np.sqrt(np.mean(np.square(one.astype(np.float64)))))) for one in vectors]


def _boxes(instrument: Grounder) -> list[str | Numbers]:
    """How many it has, and the best of each phrase: of a probe that shows nothing, whatever its score."""
    ungated = copy(instrument)
    ungated.threshold = 0.0
    found = [boxes for seen in ungated.search(probe_pictures(), [CAPTIONS] * len(CAPTIONS)) for boxes in seen]
    best = [(edges[scores.argmax()], scores.max()) for edges, scores in found if len(scores)]
    return [str(len(best)), *(Numbers(np.array([*edges, score]), 1.0) for edges, score in best)]


def _pooled(instrument: Backbone) -> list[Vectors]:
    scaled = (np.stack(probe_pictures()).astype(np.float32) / 255 - instrument.mean) / instrument.std
    pixels = torch.from_numpy(scaled.transpose(0, 3, 1, 2)).to(instrument.device, instrument.dtype)
    with torch.inference_mode():
        return list(instrument.model(pixels).pooler_output.flatten(1).float().cpu().numpy())

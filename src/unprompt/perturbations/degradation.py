"""Degradation of training pictures as it happens in the wild, and the conditions that cards are measured under.

Generated pictures come as pristine PNG and photographs as JPEG: a detector that is trained on the files as they are
learns the format. So a lossless picture is first given a prior JPEG compression, then all are degraded alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Annotated, Final, TypeAlias, cast

import numpy as np
from PIL import Image
from PIL.Image import Resampling
from pydantic import Field

from unprompt.errors import OptionError
from unprompt.images import Chroma, encode_webp, read, resize
from unprompt.perturbations.toning import toned
from unprompt.perturbations.transforms import KINDS, blur, recompressed
from unprompt.types import RGB
from unprompt.validation import Number, Range, Share, Whole, checked

_LEAST: Final = KINDS["scale"].low
Pixels: TypeAlias = Annotated[Whole, Field(ge=1, description="1 pixel or more")]
BLOCK: Final = 16
"""Pixels a side that JPEG compresses on their own, whatever its chroma."""
CHROMAS: Final[tuple[Chroma, ...]] = ("4:2:0", "4:4:4")
SHRINKING: Final = (Resampling.BICUBIC, Resampling.LANCZOS, Resampling.BILINEAR, Resampling.BOX)
ENLARGING: Final = SHRINKING[:3]
FORMER: Final = (70, 96)
"""JPEG qualities of the prior compression that a lossless file is given."""
SCREEN: Final = 800
"""Pixels of a picture's long side on a screen."""


def prior_jpeg(rgb: RGB, rng: np.random.Generator, qualities: Range = FORMER) -> RGB:
    """The picture as JPEG of a drawn quality, bounds included, and chroma."""
    return recompressed(rgb, _integer(qualities, rng), _chroma(rng))


@checked("degradation ")
class DegradationPipeline:
    """The probability of each degradation of a training picture, and the ranges that its values are drawn from."""

    side: Pixels = 256
    """Of the crop, at most."""
    history: Share = 0.8
    """Probability of a prior JPEG compression of a lossless file."""
    histories: Range = FORMER
    """Qualities of that JPEG; bounds are included, as everywhere here."""
    shrink: Share = 0.45
    """Probability of being made smaller."""
    least: Annotated[Number, Field(ge=_LEAST, le=1, description=f"a factor from {_LEAST} to 1")] = 0.4
    """Smallest factor."""
    kept: Pixels = 160
    """Pixels of the short side that shrinking leaves at least; a picture under 5/4 of it is not shrunk."""
    enlarge: Share = 0.1
    """Probability of being made larger; a picture too small to be shrunk is enlarged in its stead."""
    enlargements: Range = (1.0, 1.6)
    blur: Share = 0.08
    sigmas: Range = (0.2, 1.0)
    """Of the blur, in pixels."""
    mirror: Share = 0.5
    tone: Share = 0.0
    """Probability of being turned grey, or of one colour."""
    jpeg: Share = 0.6
    """Probability of being published as JPEG."""
    qualities: Range = (60, 98)
    webp: Share = 0.12
    """Probability of being published as WebP instead."""
    webp_qualities: Range = (60, 97)

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise OptionError(
                    f"degradation {name} is {low} to {high}, expected the smaller first, from {least} to {most}"
                )
        for first, second in (("shrink", "enlarge"), ("jpeg", "webp")):
            if (both := getattr(self, first) + getattr(self, second)) > 1:
                raise OptionError(f"degradation {first} and {second} add up to {both:g}, expected 1 at most")

    def apply(self, rgb: RGB, lossless: bool, rng: np.random.Generator) -> RGB:
        """The degraded picture: a crop of at most side x side, at the resolution that it was published in.

        A file compressed with loss is given no prior compression.
        """
        compress = None
        if lossless and rng.random() < self.history:
            compress = partial(recompressed, quality=_integer(self.histories, rng), chroma=_chroma(rng))
        factor, kernel = self._size(min(rgb.shape[:2]), rng)
        crop = self._cut(rgb, compress, factor, kernel, rng)
        if rng.random() < self.blur:
            crop = blur(crop, rng.uniform(*self.sigmas), rng)
        if rng.random() < self.mirror:
            crop = np.ascontiguousarray(crop[:, ::-1])
        if self.tone and rng.random() < self.tone:
            crop = toned(crop, rng)
        return self._published(crop, rng)

    def _size(self, short: int, rng: np.random.Generator) -> tuple[float, Resampling]:
        draw = rng.random()
        if draw < self.shrink and 4 * short >= 5 * self.kept:
            factor = rng.uniform(max(self.least, self.kept / short), 1)
            return factor, SHRINKING[rng.integers(len(SHRINKING))]
        if draw < self.shrink + self.enlarge:
            return rng.uniform(*self.enlargements), ENLARGING[rng.integers(len(ENLARGING))]
        return 1.0, Resampling.BICUBIC

    def _cut(
        self,
        rgb: RGB,
        compress: Callable[[RGB], RGB] | None,
        factor: float,
        kernel: Resampling,
        rng: np.random.Generator,
    ) -> RGB:
        """Prior JPEG, resize and random crop; only the pixels of the crop go through them, with the same result."""
        rows = _Span.drawn(rgb.shape[0], factor, self.side, rng)
        columns = _Span.drawn(rgb.shape[1], factor, self.side, rng)
        region = np.ascontiguousarray(rgb[rows.first : rows.last, columns.first : columns.last])
        region = compress(region) if compress else region
        box = (columns.start, rows.start, columns.stop, rows.stop)
        return np.array(Image.fromarray(region).resize((columns.pixels, rows.pixels), kernel, box=box))

    def _published(self, crop: RGB, rng: np.random.Generator) -> RGB:
        draw = rng.random()
        if draw < self.jpeg:
            return recompressed(crop, _integer(self.qualities, rng), _chroma(rng))
        if draw < self.jpeg + self.webp:
            return read(encode_webp(crop, _integer(self.webp_qualities, rng)), "recompressed picture").rgb
        return crop


@dataclass(frozen=True)
class _Span:
    """Along one side: which pixels of the source a crop needs, and where it lies among them."""

    first: int
    last: int
    """Whole blocks of JPEG, with what a resampling kernel reads beyond the crop."""
    start: float
    stop: float
    """The crop, counted from ``first``."""
    pixels: int
    """Of the crop."""

    @classmethod
    def drawn(cls, length: int, factor: float, side: int, rng: np.random.Generator) -> _Span:
        scaled = max(1, round(length * factor))
        pixels = min(scaled, side)
        place, step = int(rng.integers(scaled - pixels + 1)), length / scaled
        start, stop = place * step, min((place + pixels) * step, length)
        margin = math.ceil(3 * max(1.0, step)) + 2  # Lanczos's reach, and a pixel of half-size chroma
        first = max(0, math.floor(start) - margin) // BLOCK * BLOCK
        last = min(length, -(-(math.ceil(stop) + margin) // BLOCK) * BLOCK)
        return cls(first, last, start - first, min(stop - first, last - first), pixels)


Condition: TypeAlias = Callable[[RGB, bool, np.random.Generator], RGB]
"""Picture, whether its file is lossless, and generator -> the whole picture, not cropped; the one given stays."""


def _with_prior_jpeg(rgb: RGB, lossless: bool, rng: np.random.Generator) -> RGB:
    return prior_jpeg(rgb, rng) if lossless else rgb


def _aligned(rgb: RGB, lossless: bool, rng: np.random.Generator) -> RGB:
    return recompressed(_with_prior_jpeg(rgb, lossless, rng), 92, "4:4:4")


def _jpeg(quality: int, rgb: RGB, lossless: bool, rng: np.random.Generator) -> RGB:
    return recompressed(_with_prior_jpeg(rgb, lossless, rng), quality)


def _halved(rgb: RGB, lossless: bool, rng: np.random.Generator) -> RGB:
    height, width = rgb.shape[:2]
    factor = min(1.0, max(0.5, 160 / min(height, width)))
    smaller = resize(
        _with_prior_jpeg(rgb, lossless, rng), max(1, round(width * factor)), max(1, round(height * factor))
    )
    return recompressed(smaller, 90)


def _screenshot(rgb: RGB, lossless: bool, rng: np.random.Generator) -> RGB:
    height, width = rgb.shape[:2]
    factor = min(1.5, SCREEN / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.array(Image.fromarray(_with_prior_jpeg(rgb, lossless, rng)).resize(size, Resampling.BILINEAR))


CONDITIONS: Final[Mapping[str, Condition]] = MappingProxyType(
    {
        "raw": lambda rgb, lossless, rng: rgb,
        "aligned": _aligned,  # all are JPEG of one quality, 92, 4:4:4
        **{f"jpeg:{quality}": cast(Condition, partial(_jpeg, quality)) for quality in (90, 70, 50)},  # 4:2:0
        "resize:0.5": _halved,  # or to a short side of 160, where that is less; then JPEG 90
        "screenshot": _screenshot,  # long side of 800 pixels, enlarged by 1.5 at most; stored without loss
    }
)
"""Name -> what a card's pictures go through; all but ``raw`` first give lossless files a prior JPEG compression."""


def condition(name: str) -> Condition:
    """A condition by its name; :class:`OptionError` for any other."""
    if name not in CONDITIONS:
        raise OptionError(f"the condition is {name!r}, expected one of {', '.join(CONDITIONS)}")
    return CONDITIONS[name]


_BOUNDS: Final[Mapping[str, Range]] = MappingProxyType(
    {
        **dict.fromkeys(("histories", "qualities", "webp_qualities"), (1, 100)),
        "enlargements": (1, KINDS["scale"].high),
        "sigmas": (KINDS["blur"].low, KINDS["blur"].high),
    }
)


def _integer(bounds: Range, rng: np.random.Generator) -> int:
    return int(rng.integers(round(bounds[0]), round(bounds[1]) + 1))


def _chroma(rng: np.random.Generator) -> Chroma:
    return CHROMAS[rng.integers(len(CHROMAS))]

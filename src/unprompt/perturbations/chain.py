"""``name:value[,name:value]``: several perturbations in a row, and a picture that went through them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from unprompt.errors import OptionError, PictureError
from unprompt.images import hash_pixels
from unprompt.perturbations.transforms import KINDS
from unprompt.types import RGB, Picture


@dataclass(frozen=True)
class Perturbation:
    """One change by name and value; its text is ``name:value``."""

    name: str
    value: float

    def __post_init__(self) -> None:
        kind = KINDS.get(self.name)
        if kind is None:
            raise OptionError(f"--perturb names {self.name!r}, expected one of {', '.join(KINDS)}")
        if not kind.low <= self.value <= kind.high or (kind.whole and self.value != int(self.value)):
            raise OptionError(
                f"--perturb {self.name} is {self.value:g}, expected {'a whole number' if kind.whole else 'a number'} "
                f"from {kind.low:g} to {kind.high:g}: {kind.meaning}"
            )

    def __str__(self) -> str:
        return f"{self.name}:{self.value:.12g}"

    def __call__(self, rgb: RGB, rng: np.random.Generator) -> RGB:
        """The changed picture; the one given stays as it is."""
        return KINDS[self.name].change(rgb, self.value, rng)

    @classmethod
    def parse(cls, text: str) -> Self:
        """``name:value``; :class:`OptionError` for anything else."""
        name, _, value = text.strip().partition(":")
        try:
            return cls(name, float(value))
        except ValueError as error:
            if isinstance(error, OptionError):
                raise
            raise OptionError(f"--perturb has {text!r}, expected name:value, as jpeg:80") from error


@dataclass(frozen=True)
class Chain:
    """Perturbations from left to right; an empty chain changes nothing. Equal chains have equal texts.

    >>> str(Chain.parse("jpeg:80, blur:2.0"))
    'jpeg:80,blur:2'
    """

    steps: tuple[Perturbation, ...] = ()

    def __str__(self) -> str:
        return ",".join(map(str, self.steps))

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __call__(self, rgb: RGB, seed: int) -> RGB:
        """The changed picture; each step draws from ``seed`` and its place, so that severities share their draws."""
        for place, step in enumerate(self.steps):
            rgb = step(rgb, np.random.default_rng((seed, place)))
        return rgb

    @classmethod
    def parse(cls, text: str) -> Self:
        """``name:value[,name:value]``, or nothing; :class:`OptionError` for anything else."""
        return cls(tuple(Perturbation.parse(step) for step in text.split(",")) if text.strip() else ())


UNCHANGED: Final = Chain()
"""The empty chain."""


def perturbed(picture: Picture, chain: Chain) -> Picture:
    """The picture after ``chain``, drawn from its own seed: other pixels, so another hash and another seed.

    ``original`` keeps the former hash; file, native size, format and quality stay those of the file. Raises
    PictureError when a step cannot be done.
    """
    if not chain:
        return picture
    try:
        rgb = chain(picture.rgb, picture.seed)
    except PictureError as error:
        raise type(error)(f"{picture.uri}: --perturb {chain}: {error}") from error
    return replace(picture, rgb=rgb, pixels=hash_pixels(rgb), original=picture.pixels)
